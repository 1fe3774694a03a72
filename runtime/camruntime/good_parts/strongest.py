"""What one good part shows at most, by every method for every target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from camruntime.calibration import Part
from camruntime.errors import CamError, NonFiniteError
from camruntime.explainer import Explainer
from camruntime.explaining import OWN, Prediction, maps_of
from camruntime.good_parts.folder import PartFile
from camruntime.good_parts.targets import Targets
from camruntime.methods import RELATIVE, Method, spec_of, unit_of


@dataclass(frozen=True, kw_only=True)
class PartRow:
    """A line of the results.

    Attributes:
        part: the good part.
        strongest: by method's spec, for each target.
    """

    part: Part
    strongest: dict[str, tuple[float, ...]]

    @property
    def key(self) -> tuple[str, str]:
        """A file that is replaced is another part."""
        return self.part.name, self.part.sha256


def strongest_of(
    explainer: Explainer, parts: Sequence[PartFile], methods: Sequence[Method], targets: Targets
) -> Iterator[PartRow | str]:
    """One part after the other; of one that cannot be read or explained, a line that says why.

    Raises:
        CamError: a method cannot explain this network.
    """
    with_maps = [one for one in methods if unit_of(one) != RELATIVE]
    asked = ((one.path, targets.wanted) for one in parts)
    for file, found in zip(parts, explainer.predictions(asked, with_maps), strict=True):
        try:
            if isinstance(found, CamError):
                raise found
            yield _row(file, found, methods)
        except OWN as error:
            yield f"{file.name}: {error}"


def _row(file: PartFile, prediction: Prediction, methods: Sequence[Method]) -> PartRow:
    top = int(prediction.forward.logits.argmax())
    return PartRow(
        part=Part(name=file.name, sha256=file.sha256, top=top),
        strongest={spec_of(one): _strongest(prediction, one) for one in methods},
    )


def _strongest(prediction: Prediction, method: Method) -> tuple[float, ...]:
    """The largest value of each target's map; of a relative one the target's own score."""
    if unit_of(method) == RELATIVE:
        return tuple(map(prediction.score, range(len(prediction.targets))))
    raw = maps_of(prediction, method).raw
    if not np.isfinite(raw).all():
        raise NonFiniteError(f"the map of {spec_of(method)} holds NaN or infinity")
    return tuple(float(one) for one in raw.max((-2, -1)))
