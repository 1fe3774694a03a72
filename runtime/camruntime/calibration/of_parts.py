"""What good parts show, by method and target: a calibration's numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from camruntime.calibration.conformal import Numbers

ByIndex = tuple[tuple[int, ...], int | None]
"""What is explained, by index: a class `((c,), None)`, or classes against one, as contrasts are."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A good part.

    Attributes:
        name: of its picture, in the folder.
        sha256: of the file.
        top: index of the network's top class.
    """

    name: str
    sha256: str
    top: int


@dataclass(frozen=True, kw_only=True)
class OfTarget:
    """What good parts show for one target.

    Attributes:
        target: a class's label, or a contrast as `--target` takes it.
        classes, against: the same by index, see `ByIndex`; of a class by itself `against` is None.
        threshold: evidence above it is beyond what all but `alpha` of good parts show.
        threshold_as_top: the same where nobody asked for the class, and it is explained as a
            picture's top class; None for contrasts, where there are too few good parts, and where
            good parts have top classes that are no targets.
        typical: the median of `strongest`.
        scale: threshold minus typical; where those are the same, as of maps that are 0 on most good
            parts, the strongest of all minus the threshold, and where that is 0, too, 1.
        strongest: each part's strongest evidence, in the order of the parts.
    """

    target: str
    classes: tuple[int, ...]
    against: int | None
    threshold: float
    threshold_as_top: float | None
    typical: float
    scale: float
    strongest: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.scale > 0:
            raise ValueError(f"expected a scale above 0, got {self.scale}")
        if self.against is None and len(self.classes) != 1:
            raise ValueError(f"expected one class, or several against one, got {self.classes}")
        if self.against is not None and self.threshold_as_top is not None:
            raise ValueError("a contrast is no picture's top class, and has no threshold as one")

    @property
    def by_index(self) -> ByIndex:
        """What tells it from others."""
        return self.classes, self.against


@dataclass(frozen=True, kw_only=True)
class OfMethod:
    """What good parts show by one method.

    Attributes:
        method: its spec.
        unit: of its raw maps; `relative` where two pictures' maps share none. Such a map says
            where, and the target's own score how much: its strongest evidence is that score.
        targets: at least one.
    """

    method: str
    unit: str
    targets: tuple[OfTarget, ...]

    def __post_init__(self) -> None:
        if not self.targets:
            raise ValueError(f"expected at least one target of {self.method}")
        if len({one.by_index for one in self.targets}) < len(self.targets):
            raise ValueError(f"a target of {self.method} is there twice")

    def classes(self) -> dict[int, Numbers]:
        """Of each class that is a target by itself, each part's strongest evidence."""
        return {
            one.classes[0]: np.array(one.strongest, np.float64)
            for one in self.targets
            if one.against is None
        }
