"""A calibration: what a network's good parts show, as the file that `camruntime calibrate` writes.

Its numbers are plain, so that another program can apply them: a cell of a method's raw map is
evidence where it is above `threshold`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from camruntime._decode import DecodeError, fit, parse_object
from camruntime._strict_json import json_bytes
from camruntime._text import named, shown
from camruntime._whole_files import write_whole
from camruntime.bundle import SEAL, Manifest, sealed, unsealed
from camruntime.calibration.conformal import Numbers, Reference, top_class_reference
from camruntime.calibration.yardstick import Yardstick
from camruntime.errors import CalibrationError, nearest
from camruntime.methods import RELATIVE

SCHEMA_VERSION = 1
TOP_CLASS = "top class"
_BYTES = 2**29
_ADVICE = "calibrate again with this camruntime"

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


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What `camruntime calibrate` found.

    Attributes:
        bundle: digest of the bundle's manifest, which is over all of it.
        model, layer: the network and its target layer, for people.
        provider: what computed.
        alpha: at most this share of good parts shows any evidence, for each target by itself.
        good: index of the class of good parts, where the bundle names it.
        parts: the good parts.
        left_out: pictures that were not taken, and methods, one line each.
        methods: at least one.
    """

    schema_version: int = SCHEMA_VERSION
    bundle: str
    model: str
    layer: str
    provider: str
    alpha: float
    good: int | None
    parts: tuple[Part, ...]
    left_out: tuple[str, ...]
    methods: tuple[OfMethod, ...]

    def __post_init__(self) -> None:
        if not 0 < self.alpha <= 0.5:
            raise ValueError(f"expected an alpha above 0 and at most 0.5, got {self.alpha}")
        lengths = {len(one.strongest) for method in self.methods for one in method.targets}
        if lengths != {len(self.parts)} or not self.parts:
            raise ValueError(f"expected a value for each of {len(self.parts)} parts")
        if len({one.method for one in self.methods}) < len(self.methods):
            raise ValueError("a method is there twice")
        if len({part.sha256 for part in self.parts}) < len(self.parts) != 1:
            raise ValueError("a part is there twice")
        for method in self.methods:
            self._check(method)

    def _check(self, method: OfMethod) -> None:
        """Thresholds are those of the numbers beside them: one may be shown, the other applied."""
        known, tops = method.classes().keys(), {part.top for part in self.parts}
        for one in method.targets:
            expected = Reference.of(one.strongest).threshold(self.alpha)
            if one.threshold != expected:
                raise ValueError(
                    f"expected the threshold {expected} of '{one.target}', got {one.threshold}"
                )
            if one.threshold_as_top is not None and not tops <= known:
                raise ValueError("a threshold as top class takes all classes that are on top")

    def of_method(self, spec: str) -> OfMethod:
        """What it has of a method.

        Raises:
            CalibrationError: nothing.
        """
        known = {one.method: one for one in self.methods}
        if spec not in tuple(known):  # a list has no hash
            raise CalibrationError(
                f"the calibration is not of '{named(spec)}': explain with a method of its, or "
                f"calibrate with --methods; {nearest(str(spec), known)}"
            )
        return known[spec]

    def yardstick(self, spec: str, by_index: ByIndex, top: bool) -> Yardstick:
        """What evidence of a method for a target is measured with.

        Args:
            spec: of the method.
            by_index: what is explained.
            top: nobody named the class: it is the picture's top one.

        Raises:
            CalibrationError: the calibration is not of them, or has too few parts to say anything.
        """
        key = (spec, by_index, top)
        if key not in self._yardsticks:
            self._yardsticks[key] = self._yardstick(spec, by_index, top)
        return self._yardsticks[key]

    @cached_property
    def _yardsticks(self) -> dict[tuple[str, ByIndex, bool], Yardstick]:
        return {}

    def _yardstick(self, spec: str, by_index: ByIndex, top: bool) -> Yardstick:
        method = self.of_method(spec)
        found = {one.by_index: one for one in method.targets}
        if by_index not in found:
            known = ", ".join(f"'{one.target}'" for one in method.targets)
            raise CalibrationError(
                f"the calibration of {spec} is of the targets {known}, and not of what is "
                "explained here: ask for one of those, or calibrate with --target"
            )
        mine = found[by_index]
        named_one = not top or mine.against is not None
        threshold = mine.threshold if named_one else mine.threshold_as_top
        if threshold is None:
            raise CalibrationError(
                f"the calibration cannot tell evidence of '{mine.target}' where it is a picture's "
                f"top class: {len(self.parts)} good parts are too few for alpha {self.alpha:g}, or "
                "--target left out classes that good parts are taken for; name the target, such as "
                "target='not good', or calibrate with more parts or all classes"
            )
        return Yardstick(
            of=(spec, mine.target if named_one else TOP_CLASS),
            calibration=self.digest,
            reference=Reference.of(mine.strongest)
            if named_one
            else top_class_reference(method.classes(), self.tops(), mine.classes[0]),
            threshold=threshold,
            typical=mine.typical,
            scale=mine.scale,
            alpha=self.alpha,
            relative=method.unit == RELATIVE,
        )

    def tops(self) -> NDArray[np.int64]:
        """The top class of each part, by index."""
        return np.array([part.top for part in self.parts], np.int64)

    def require(self, manifest: Manifest) -> None:
        """Raise `CalibrationError` where it is of another bundle."""
        if self.bundle != manifest.digest:
            raise CalibrationError(
                f"the calibration is of another bundle ({named(self.model)}, {self.bundle[:12]}…) "
                f"than this one ({named(manifest.model)}, {manifest.digest[:12]}…): calibrate this "
                "one, or give its own calibration"
            )

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all.

        Raises:
            OutputError: the disk is full or cannot be written; what was there before is kept.
        """
        write_whole({path: json_bytes(self._sealed, indent=1) + b"\n"})

    @property
    def digest(self) -> str:
        """SHA-256 of what it says."""
        return str(self._sealed[SEAL])

    @cached_property
    def _sealed(self) -> dict[str, object]:
        return sealed(dataclasses.asdict(self))


def read_calibration(path: str | Path) -> Calibration:
    """Read what `Calibration.write` wrote.

    Raises:
        CalibrationError: there is no such file, or it is damaged, changed, or something else.
    """
    if not isinstance(path, (str, Path)):
        raise CalibrationError(
            f"expected the path of what `camruntime calibrate` wrote, got {shown(path)}"
        )
    file = Path(path)
    try:
        if file.stat().st_size > _BYTES or not file.is_file():
            raise ValueError("it is no file, or a very large one")
        document = parse_object(file.read_bytes(), file, SCHEMA_VERSION, _ADVICE)
        return fit(Calibration, unsealed(document), file, "calibration")
    except (OSError, DecodeError, ValueError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        raise CalibrationError(
            f"cannot read {named(file)} as a calibration: {reason}; give what `camruntime "
            "calibrate` wrote"
        ) from error
