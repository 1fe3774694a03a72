"""Which methods can explain a network at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from camruntime.budget import passes_of
from camruntime.datasets import Dataset
from camruntime.errors import CamError, ImageError, MethodError
from camruntime.explainer import Explainer
from camruntime.explaining import Photograph, Wanted
from camruntime.methods import Method

_MOST = 2500  # passes; Score-CAM of ResNet50 takes 2048


def usable_methods(
    explainer: Explainer, dataset: Dataset, specs: Sequence[str]
) -> Iterator[tuple[str, Method | CamError]]:
    """Every spec with its method, or the reason why it cannot explain this network.

    Found by trying it on the first picture that can be read. One that takes thousands of passes is
    left out, too.
    """
    photograph = _first_readable(explainer, dataset)
    for spec in specs:
        try:
            method = explainer.method(spec)
            require_few_passes(explainer, method)
            if photograph is not None:
                explainer.outcome(photograph, method)
            yield spec, method
        except CamError as error:
            yield spec, error


def require_few_passes(explainer: Explainer, method: Method) -> None:
    """Whoever asks for all methods waits seconds for a picture, and not minutes for one of them.

    Raises:
        MethodError: it takes more passes.
    """
    passes = passes_of(method, explainer.bundle.manifest)
    if passes > _MOST:
        raise MethodError(f"it takes {passes:,} passes for a picture: name it, to have it too")


def _first_readable(explainer: Explainer, dataset: Dataset) -> Photograph | None:
    for sample in dataset.samples:
        with suppress(ImageError):
            return explainer.open(sample.image, Wanted((sample.classes,)))
    return None
