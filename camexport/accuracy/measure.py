"""Show pictures of known classes to a bundle and to the network that it was made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn

from camexport.accuracy.result import PYTORCH, RUNTIME, Accuracy
from camexport.errors import OptionError
from camexport.models import Published
from camruntime.bundle import Bundle
from camruntime.datasets import Dataset, Sample
from camruntime.engine import Engine
from camruntime.errors import CamError, NonFiniteError
from camruntime.explainer import Explainer
from camruntime.explaining import Prediction

_AT_ONCE = 16  # pictures in PyTorch; more are no faster on a CPU

Progress = Callable[[int, int], None]
"""Called with the pictures done and the number of all."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Check:
    """What `--check` compares.

    Attributes:
        bundle: the finished one, in whatever precision.
        pictures: of classes that it has.
        network: in eval mode, returning logits; None of an ONNX file, whose network in PyTorch is
            of our own making.
        published: how its publisher's own code prepares pictures; None where nobody does.
    """

    bundle: Bundle
    pictures: Dataset
    network: nn.Module | None = None
    published: Published | None = None


@dataclass(frozen=True, eq=False)
class _Seen:
    """A picture, the top class by ONNX Runtime, and PyTorch's inputs `(1, C, H, W)` by name."""

    sample: Sample
    top: int
    inputs: dict[str, Tensor]


def measure_accuracy(check: Check, progress: Progress | None = None) -> Accuracy:
    """How often the top class is what a picture shows, on the CPU.

    PyTorch sees what the bundle's own preprocessing made of a picture and, where there is one, what
    its publisher's makes of it.

    Raises:
        OptionError: no picture can be used.
        CamError: the bundle cannot be run.
    """
    left_out: list[str] = []
    samples: list[Sample] = []
    answers: dict[str, list[int]] = {name: [] for name in (RUNTIME, *_inputs_of(check))}
    seen = _seen(check, left_out, progress)
    while several := list(islice(seen, _AT_ONCE)):
        samples += [one.sample for one in several]
        answers[RUNTIME] += [one.top for one in several]
        for name in _inputs_of(check):
            answers[name] += _top(check.network, [one.inputs[name] for one in several])
    if not samples:
        raise OptionError(
            f"--check: none of the pictures, {len(left_out)}, can be used, as {left_out[0]}; the "
            f"bundle at {check.bundle.folder} is written, and its accuracy unknown"
        )
    return Accuracy(
        samples=tuple(samples),
        answers={name: np.array(each, np.int64) for name, each in answers.items()},
        left_out=tuple(left_out),
    )


def _inputs_of(check: Check) -> dict[str, Callable[[Prediction], Tensor]]:
    """By who answers in PyTorch, what it is shown."""
    if check.network is None:
        return {}
    shown: dict[str, Callable[[Prediction], Tensor]] = {
        PYTORCH: lambda one: torch.from_numpy(one.photograph.image)
    }
    published = check.published
    if published is not None:
        shown[f"{PYTORCH} as {published.who} prepares pictures"] = lambda one: published.prepare(
            one.photograph.picture
        )
    return shown


def _seen(check: Check, left_out: list[str], progress: Progress | None) -> Iterator[_Seen]:
    """Pictures in order, without the pixels; why one cannot be used goes to `left_out`."""
    every = check.pictures.samples
    explainer = Explainer(Engine(check.bundle, ["cpu"]))
    asked = ((sample.image, None) for sample in every)
    with closing(explainer.predictions(asked, [])) as predictions:
        for done, (sample, one) in enumerate(zip(every, predictions, strict=True), 1):
            error = _refused(one)
            if isinstance(one, CamError) or error:
                left_out.append(f"{sample.name}: {error}")
            else:
                top = int(one.forward.logits.argmax())
                inputs = {name: prepare(one) for name, prepare in _inputs_of(check).items()}
                yield _Seen(sample, top, inputs)
            if progress is not None:
                progress(done, len(every))


def _refused(one: Prediction | CamError) -> CamError | None:
    """Why a picture has no answer: it cannot be read, or the answer is no number."""
    if isinstance(one, CamError):
        return one
    try:
        one.graphs.finite(one.forward)
    except NonFiniteError as error:
        return error
    return None


def _top(network: nn.Module | None, inputs: list[Tensor]) -> list[int]:
    """The top class of each; not in inference mode, as a network may keep tensors."""
    assert network is not None
    with torch.no_grad():
        logits: Tensor = network(torch.cat(inputs))
    return [int(one) for one in logits.argmax(1)]
