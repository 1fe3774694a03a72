"""PyTorch itself, run as it is with a hook on the target layer: what a bundle is compared with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from camexport.errors import UnsupportedError
from camexport.parity.layer_output import layer_output
from camexport.tracing import in_one_line
from camexport.weights import in_float64, wide
from camruntime.bundle import Answer

_USUAL = Answer()


class Reference:
    """A network and its target layer, in float32; `exact()` is the same in float64.

    Whatever it is given is cast to its own precision, so both take the same. Activations are those
    of the layer's last call, in the layer's own layout.

    Args:
        network: in eval mode; it is neither split nor changed, so this does not trust the split.
        layer: the target layer's module path.
        answer: what its logits mean.
        dtype: what the network computes in.
    """

    def __init__(
        self,
        network: nn.Module,
        layer: str,
        answer: Answer = _USUAL,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.network = network
        self.layer = layer
        self.answer = answer
        self._dtype = dtype
        self._calls = 0  # of the layer in one pass, once that is known

    @contextmanager
    def exact(self) -> Iterator[Reference]:
        """The judge where float32's rounding grows; this one computes nothing in the block."""
        with in_float64(self.network) as network:
            yield Reference(network, self.layer, self.answer, torch.float64)

    def run(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Activations and logits of `images` `(n, channels, H, W)`."""
        activations, logits = zip(*map(self._run, self._at_once(images)), strict=True)
        return torch.cat(activations), torch.cat(logits)

    def replaced_by(self, activations: Tensor, images: Tensor) -> Tensor:
        """Logits of `images` when `activations` take the place of the layer's last output."""
        parts = zip(self._at_once(activations), self._at_once(images), strict=True)
        with torch.no_grad():
            return torch.cat([self._logits(values, pictures) for values, pictures in parts])

    def gradient(self, images: Tensor, activations: Tensor, targets: Tensor) -> Tensor:
        """`d score[target] / d activations`, by autograd.

        A class's score is its logit; of a network with one logit, its lead over the other class.

        Args:
            images: `(n, channels, H, W)`.
            activations: take the place of the layer's last output.
            targets: `(n,)`.

        Raises:
            UnsupportedError: autograd cannot follow the network.
        """
        parts = map(self._at_once, (images, activations, targets))
        return torch.cat([self._gradient(*part) for part in zip(*parts, strict=True)])

    def own_functions(self, images: Tensor, activations: Tensor) -> list[str]:
        """The user's `autograd.Function`s between the activations and the logits, by name."""
        with torch.enable_grad():
            leaf = activations.to(self._dtype).clone().requires_grad_()
            last = self._logits(leaf, images).grad_fn
        waiting: list[Any] = [last]  # torch types none of its functions as nodes
        seen, found = set(waiting), set[str]()
        while waiting:
            step = waiting.pop()
            if isinstance(step, torch.autograd.function.BackwardCFunction):
                found.add(type(step).__name__.removesuffix("Backward"))
            for before, _ in step.next_functions if step is not None else ():
                if before not in seen:
                    seen.add(before)
                    waiting.append(before)
        return sorted(found)

    def _at_once(self, values: Tensor) -> tuple[Tensor, ...]:
        """`values`, or each row by itself in float64, whose convolutions copy what they read."""
        return torch.split(values, 1 if self._dtype == torch.float64 else len(values))

    def _run(self, images: Tensor) -> tuple[Tensor, Tensor]:
        # Not in inference mode: autograd takes no tensors from there.
        with torch.no_grad(), layer_output(self.network, self.layer) as seen:
            logits = self._answer(images.to(self._dtype))
        self._calls = len(seen)
        return seen[-1], logits

    def _gradient(self, images: Tensor, activations: Tensor, targets: Tensor) -> Tensor:
        def score(leaf: Tensor) -> Tensor:
            logits = self._logits(leaf, images)
            scores = logits - logits.flip(1) if self.answer.one_logit else logits
            return scores.gather(1, targets[:, None]).sum()

        values = activations.to(self._dtype)
        try:
            leaf = values.clone().requires_grad_()
            with torch.enable_grad():
                (gradient,) = torch.autograd.grad(score(leaf), leaf)
        except RuntimeError:  # an operator in place overwrote what autograd needs
            gradient = self._functional(score, values)
        return gradient.detach()

    def _logits(self, activations: Tensor, images: Tensor) -> Tensor:
        """With what follows the layer left to autograd, if that is on."""
        activations, images = activations.to(self._dtype), images.to(self._dtype)
        if not self._calls:
            self._run(images)
        with layer_output(self.network, self.layer, (activations, self._calls)):
            logits = self._answer(images)
        return logits

    def _answer(self, images: Tensor) -> Tensor:
        if self._dtype == torch.float32:
            logits: Tensor = self.network(images)
            return logits
        try:
            with wide():
                logits = self.network(images)
        except RuntimeError as error:
            if not re.search("type", str(error)):
                raise
            raise UnsupportedError(
                "the network cannot be run in float64, which its bundle is compared with: "
                f"{in_one_line(error)}; leave the cast to another type out there, or take that of "
                "another tensor"
            ) from error
        return logits

    def _functional(self, score: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
        """The gradient with operators in place undone."""
        try:
            gradient: Tensor = torch.func.grad(torch.func.functionalize(score))(values)
        except RuntimeError as error:
            raise UnsupportedError(
                f"PyTorch's autograd cannot follow the network behind layer '{self.layer}', so its "
                f"gradient graph cannot be checked: {in_one_line(error)}; build with "
                "--no-gradient, or with another --layer"
            ) from error
        return gradient
