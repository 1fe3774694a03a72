"""What a network answers: which of its outputs holds the logits, and what these mean.

A final softmax or sigmoid is left out while the network runs, so that everything behind, the trace,
parity, the gradient, meets logits. It is found by what it gives and not by a module's name: the
last call whose values are the network's own answer. So it may be a module, a function or an
operator of an ONNX file, with whatever moves values about behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from camexport.errors import OptionError, UnsupportedError
from camexport.models._final_calls import Activation, Call, Recorder, Skipped
from camexport.models._output import select_output
from camexport.models._run import run
from camruntime.bundle import Answer, ProbabilityKind

_SCALES = (1.0, 3.0, 10.0, 100.0)
"""Of noise images. Probabilities stay in [0, 1] for all of them; logits do not."""

_SUM = 1e-3  # how far from 1 the sum of float32 probabilities may be


@dataclass(frozen=True)
class Settled:
    """What was found out about a network's answer.

    Attributes:
        answer: what its logits mean now.
        output: the name of the output that was picked from several; None where there is one.
    """

    answer: Answer
    output: str | None


def settle_answer(
    network: nn.Module,
    size: tuple[int, int],
    channels: int = 3,
    asked: ProbabilityKind | None = None,
    threshold: float | None = None,
) -> Settled:
    """Let `network` return logits `(n, classes)`, in place, and say what they mean.

    Of several outputs the only one that can be logits is picked. A final softmax or sigmoid is left
    out, `(n, C, 1, 1)` and `(n,)` become rows, and one logit z becomes [0, z].

    Args:
        network: in eval mode.
        size: `(H, W)` of its input.
        channels: of its input.
        asked: what `--probabilities` says; None finds it out.
        threshold: what `--threshold` says.

    Raises:
        OptionError: several outputs may be the logits; `asked` contradicts the network.
        UnsupportedError: it does not run, no output can be logits, or they are probabilities that
            cannot be turned back.
    """
    images = _noise(size, channels)
    output = _pick(network, images)
    network.register_forward_hook(_rows)
    calls, found = _recorded(network, images)
    final = _final(calls, found)
    if asked != "none" and final is not None:
        _refuse_contradiction(asked, calls[final].kind, found.shape[1])
        skipped = Skipped(final)
        network.register_forward_pre_hook(skipped.begin, prepend=True)
        network.register_forward_hook(skipped.end, prepend=True, always_call=True)
        found = run(network, images)
    if asked != "none":
        _refuse_probabilities(found)
    left_out = calls[final].kind if final is not None else None
    kind = asked or left_out or getattr(network, "activation_behind", None) or "softmax"
    return Settled(_answer(network, kind, found.shape[1], threshold), output)


def _answer(
    network: nn.Module, kind: ProbabilityKind, classes: int, threshold: float | None
) -> Answer:
    one_logit = classes == 1 and kind != "none"
    if one_logit:
        network.register_forward_hook(_beside_zero)
        kind = "softmax"
    if threshold is None:
        return Answer(probabilities=kind, one_logit=one_logit)
    if kind != "sigmoid":
        raise OptionError(
            "--threshold goes with classes that are by themselves (--probabilities sigmoid); here "
            f"probabilities are {'of one logit' if one_logit else kind}: leave it out"
        )
    if not 0 < threshold < 1:
        raise OptionError(f"--threshold lies between 0 and 1, got {threshold}")
    return Answer(probabilities=kind, one_logit=False, threshold=threshold)


def _noise(size: tuple[int, int], channels: int) -> Tensor:
    scales = torch.tensor(_SCALES)[:, None, None, None]
    noise = torch.randn(len(_SCALES), channels, *size, generator=torch.Generator().manual_seed(0))
    return scales * noise


def _pick(network: nn.Module, images: Tensor) -> str | None:
    """Select the only output that can be logits; its name, or None where there is one output."""
    outputs = run(network, images)
    if isinstance(outputs, Tensor):
        return None
    named = _named(outputs)
    likely = [name for name, value in named.items() if _may_be_logits(value, len(images))]
    if len(likely) == 1:
        select_output(network, likely[0])
        return likely[0]
    listed = ", ".join(f"{name} {_described(value)}" for name, value in named.items())
    which = "several of which" if likely else "none of which"
    raise OptionError(
        f"the network returns {listed or type(outputs).__name__}, {which} may be logits (n, "
        "classes): say --output with one, or wrap it so that it returns them"
    )


def _named(outputs: object) -> dict[str, object]:
    if isinstance(outputs, Mapping):
        return {str(name): value for name, value in outputs.items()}
    if isinstance(outputs, (tuple, list)):
        fields = getattr(outputs, "_fields", None) or map(str, range(len(outputs)))
        return dict(zip(fields, outputs, strict=True))
    return dict(vars(outputs)) if hasattr(outputs, "__dict__") else {}


def _described(value: object) -> str:
    if not isinstance(value, Tensor):
        return type(value).__name__
    extents = ", ".join(["n", *map(str, value.shape[1:])]) if value.ndim else ""
    return f"{str(value.dtype).removeprefix('torch.')} ({extents})"


def _may_be_logits(value: object, images: int) -> bool:
    return (
        isinstance(value, Tensor)
        and value.is_floating_point()
        and value.shape[:1] == (images,)
        and (value.ndim <= 2 or (value.ndim == 4 and value.shape[2:] == (1, 1)))
    )


def _rows(_module: nn.Module, _inputs: object, output: object) -> Tensor | None:
    """`(n, C, 1, 1)`, `(n,)`, and one image's number, as rows; anything else as it is."""
    if isinstance(output, Tensor) and output.ndim == 4 and output.shape[2:] == (1, 1):
        return output.flatten(1)
    return output.reshape(-1, 1) if isinstance(output, Tensor) and output.ndim < 2 else None


def _beside_zero(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
    """One logit z as two, [0, z]."""
    return nn.functional.pad(output, (1, 0))


def _recorded(network: nn.Module, images: Tensor) -> tuple[list[Call], Tensor]:
    with Recorder() as recorder:
        found = run(network, images)
    if not isinstance(found, Tensor) or found.ndim != 2 or not found.is_floating_point():
        raise UnsupportedError(
            f"the network returns {_described(found)}, expected logits (n, classes): say with "
            "--output which output holds them, or wrap it so that it returns them"
        )
    for name, given in recorder.decided:
        if given.numel() == found.numel() and _equal(given, found):
            raise UnsupportedError(
                f"the network's answer is what {name} chose from its logits: give it without that, "
                "so that there is a logit for each class"
            )
    return recorder.calls, found


def _final(calls: Sequence[Call], found: Tensor) -> int | None:
    """The place of the call that gave the network's own answer."""
    for place in reversed(range(len(calls))):
        given, kind = calls[place].given, calls[place].kind
        if given.numel() == found.numel() and _equal(given, found):
            if kind == "softmax" and found.shape[1] == 1:
                raise UnsupportedError(
                    "the network ends in a softmax over one class, which is 1 for every picture: "
                    "give it with a sigmoid there, or without either"
                )
            return place if kind == "sigmoid" or _sums_to_one(found) else None
    return None


def _equal(given: Tensor, found: Tensor) -> bool:
    one, other = (each.flatten().to(found.dtype).nan_to_num() for each in (given, found))
    return torch.equal(one, other)


def _sums_to_one(found: Tensor) -> bool:
    """Of each row; or its exponentials' sum, behind a logarithm. A softmax over images does not."""
    sums = torch.stack([found.sum(1), found.exp().sum(1)])
    return bool(((sums - 1).abs() < _SUM).all(1).any())


def _refuse_contradiction(asked: ProbabilityKind | None, kind: Activation, classes: int) -> None:
    if asked is not None and asked != kind and classes > 1:
        raise OptionError(
            f"--probabilities {asked}: the network ends in a {kind}; leave the option out, or say "
            f"{kind}, or `none` to take its answer as it is"
        )


def _refuse_probabilities(found: Tensor) -> None:
    """Answers to noise of any size that stay in [0, 1], or are shares of a whole, are no logits."""
    known = found[found.isfinite().all(1)]
    if not len(known) or not bool((known >= 0).all()) or _is_one_number(known):
        return
    totals = known.sum(1)
    total = float(totals.mean())
    shares = found.shape[1] > 1 and bool(((totals - total).abs() < _SUM * total).all())
    if shares and not _is_one_number(known[:, 0]):
        shown = f"sum to {total:.4g} for every image"
    elif bool((known <= 1).all()):
        shown = "lie in [0, 1]"
    else:
        return
    raise UnsupportedError(
        f"the network's answers are never negative and {shown}: they are probabilities, and what "
        "makes them is no final softmax or sigmoid that could be left out; give the network "
        "without it, or name the logits with --output, or say --probabilities none to have the "
        "answers taken as they are"
    )


def _is_one_number(values: Tensor) -> bool:
    """As of weights that are all alike, which tells nothing."""
    return bool(values.min() == values.max())
