"""Which methods can explain a network at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from camruntime.datasets import Dataset
from camruntime.errors import CamError, ImageError
from camruntime.explainer import Explainer
from camruntime.explaining import Photograph, Wanted
from camruntime.methods import Method


def usable_methods(
    explainer: Explainer, dataset: Dataset, specs: Sequence[str]
) -> Iterator[tuple[str, Method | CamError]]:
    """Every spec with its method, or the reason why it cannot explain this network.

    Found by trying it on the first picture that can be read.
    """
    photograph = _first_readable(explainer, dataset)
    for spec in specs:
        try:
            method = explainer.method(spec)
            if photograph is not None:
                explainer.outcome(photograph, method)
            yield spec, method
        except CamError as error:
            yield spec, error


def _first_readable(explainer: Explainer, dataset: Dataset) -> Photograph | None:
    for sample in dataset.samples:
        with suppress(ImageError):
            return explainer.open(sample.image, Wanted((sample.classes,)))
    return None
