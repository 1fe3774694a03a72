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
from camruntime.calibration.conformal import Reference, top_class_reference
from camruntime.calibration.of_parts import ByIndex, OfMethod, Part
from camruntime.calibration.thresholds import measures_of, thresholds_as_top
from camruntime.calibration.yardstick import Yardstick
from camruntime.errors import CalibrationError, nearest
from camruntime.methods import RELATIVE, Method, spec_of, unit_of

SCHEMA_VERSION = 1
TOP_CLASS = "top class"
_BYTES = 2**29
_ADVICE = "calibrate again with this camruntime"


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
        """What is taken from the numbers is: one may be shown, and the other applied."""
        as_top = thresholds_as_top(method.classes(), self.tops(), self.alpha)
        for one in method.targets:
            found = (one.threshold, one.typical, one.scale)
            expected = tuple(measures_of(np.array(one.strongest), self.alpha))
            if found != expected:
                raise ValueError(
                    f"expected threshold, typical and scale {expected} of '{one.target}', got "
                    f"{found}"
                )
            top = as_top.get(one.classes[0]) if one.against is None else None
            if one.threshold_as_top != top:
                raise ValueError(
                    f"expected the threshold {top} of '{one.target}' as top class, got "
                    f"{one.threshold_as_top}"
                )

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
        classes = {
            index
            for method in self.methods
            for one in method.targets
            for index in (*one.classes, one.against or 0)
        }
        if self.good != manifest.good or not classes <= set(range(manifest.classes)):
            raise CalibrationError(
                f"the calibration's classes are not those of {named(manifest.model)}: it was "
                "changed; calibrate again"
            )

    def require_method(self, method: Method) -> None:
        """Raise `CalibrationError` where it is not of the method, or in another unit."""
        found, unit = self.of_method(spec_of(method)), unit_of(method)
        if found.unit != unit:
            raise CalibrationError(
                f"the calibration of {found.method} is in the unit '{named(found.unit)}', its maps "
                f"are in '{unit}': calibrate again with this camruntime"
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
        return fit(Calibration, unsealed(document, _ADVICE), file, "calibration")
    except (OSError, DecodeError, ValueError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        raise CalibrationError(
            f"cannot read {named(file)} as a calibration: {reason}; give what `camruntime "
            "calibrate` wrote"
        ) from error
