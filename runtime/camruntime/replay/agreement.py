"""Two records of the same: equal to the bit, within rounding, or different, and in what."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from typing import Literal

import numpy as np

from camruntime.methods import name_of
from camruntime.record import ErrorOf, EvidenceOf, MethodOf, RawMap, Record, RegionOf
from camruntime.verdict import ClassScore

Level = Literal["the same", "within rounding", "different"]

TOLERANCE = 1e-4
"""Of a map's range, of a probability, and of a score or, below 1, of 1."""

_PIXELS = 0.01  # of a photograph's longer side, by which a region's edges may lie elsewhere


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How alike two records are.

    Attributes:
        level: what they are all in all.
        map_difference: the largest, as a share of the recorded map's range; of a large map between
            means over its shares, and so at least that. None where there are no two maps.
        differences: what is beyond the tolerance, in words.
        rounding: what is within, and not equal.
    """

    level: Level
    map_difference: float | None
    differences: tuple[str, ...]
    rounding: tuple[str, ...]


@dataclass(frozen=True)
class _Compared:
    """What was found so far; `tolerance` as of `agreement`."""

    tolerance: float
    differences: list[str] = field(default_factory=list)
    rounding: list[str] = field(default_factory=list)

    def equal(self, name: str, then: object, now: object) -> None:
        if then != now:
            self.differences.append(_words(name, then, now))

    def near(self, name: str, then: float, now: float, scale: float) -> bool:
        """Whether they are equal, or differ by no more than the tolerance of `scale`."""
        off = abs(then - now)
        within = off <= self.tolerance * scale
        if off:
            (self.rounding if within else self.differences).append(_words(name, then, now))
        return within


def agreement(then: Record, now: Record, tolerance: float = TOLERANCE) -> Agreement:
    """How alike what is recorded and what is computed now are; times, paths and names aside.

    Args:
        then: the record.
        now: that of the same picture by the same method.
        tolerance: see `TOLERANCE`.
    """
    found = _Compared(tolerance)
    off = None
    if then.error is None and now.error is None:
        off = _compare_answers(found, then, now)
    else:
        _compare_errors(found, then.error, now.error)
    level: Level = "different" if found.differences else "the same"
    return Agreement(
        level="within rounding" if level == "the same" and found.rounding else level,
        map_difference=off,
        differences=tuple(found.differences),
        rounding=tuple(found.rounding),
    )


def _compare_errors(found: _Compared, then: ErrorOf | None, now: ErrorOf | None) -> None:
    """The type is what counts: words name the file, which may lie elsewhere now."""
    if then is None or now is None or then.type != now.type:
        found.equal("error", _error(then), _error(now))


def _compare_answers(found: _Compared, then: Record, now: Record) -> float | None:
    """The difference of the maps, as `Agreement.map_difference`."""
    for name in ("pixels_sha256", "dtype", "shape"):
        if then.picture.pixels_sha256 and now.picture.pixels_sha256:
            found.equal(f"picture.{name}", getattr(then.picture, name), getattr(now.picture, name))
    found.equal("method", _options(then.method), _options(now.method))
    for name in ("calibration", "no_evidence", "edges", "regions_left_out"):
        found.equal(name, _plain(getattr(then, name)), _plain(getattr(now, name)))
    _compare_classes(found, then, now)
    off = _compare_maps(found, then.map, now.map)
    _compare_evidence(found, then.evidence, now.evidence)
    slack = 0 if then.map == now.map else _slack(then)
    _compare_regions(found, then.regions, now.regions, slack)
    if then.approximation is not None and now.approximation is not None:
        for name in ("evaluated", "channels"):
            found.equal(
                f"approximation.{name}",
                getattr(then.approximation, name),
                getattr(now.approximation, name),
            )
    return off


def _compare_classes(found: _Compared, then: Record, now: Record) -> None:
    for name, one, other in _class_pairs(then, now):
        if one is None or other is None:
            found.equal(name, _plain(one), _plain(other))
            continue
        found.equal(name, f"{one.index} {one.label}", f"{other.index} {other.label}")
        if one.index == other.index:
            found.near(f"{name}.probability", one.probability, other.probability, 1)
            found.near(f"{name}.score", one.score, other.score, max(1, abs(one.score)))


def _class_pairs(
    then: Record, now: Record
) -> Iterator[tuple[str, ClassScore | None, ClassScore | None]]:
    yield "target", then.target.meant, now.target.meant
    yield "against", then.target.against, now.target.against
    if then.verdict is None or now.verdict is None:
        return  # of errors, which are not compared so
    yield "predicted", then.verdict.predicted, now.verdict.predicted
    for row, (one, other) in enumerate(zip_longest(then.verdict.present, now.verdict.present)):
        yield f"present[{row}]", one, other


def _compare_maps(found: _Compared, then: RawMap | None, now: RawMap | None) -> float | None:
    if then is None or now is None:
        return None  # an error, or a verdict
    found.equal("map.shape", then.shape, now.shape)
    if then.grid != now.grid:
        return None
    if then.sha256 == now.sha256 and then.values == now.values:
        return 0.0
    off = _off(then, now)
    words = f"the map is off by {off:.1e} of its range"
    if then.sha256 == now.sha256:
        words = f"of a map of the same bits the means are off by {off:.1e} of their range"
    (found.rounding if off <= found.tolerance else found.differences).append(words)
    return off


def _off(then: RawMap, now: RawMap) -> float:
    """The largest difference over the recorded range; infinite where one is no number."""
    one, other = then.array().astype(np.float64), now.array().astype(np.float64)
    alike = (one == other) | (np.isnan(one) & np.isnan(other))
    if alike.all():
        return 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        most = float(np.abs(one - other)[~alike].max())
        wide = float(one.max() - one.min())
    return most / wide if math.isfinite(most) and 0 < wide < math.inf else math.inf


def _compare_evidence(found: _Compared, then: EvidenceOf | None, now: EvidenceOf | None) -> None:
    if then is None or now is None:
        found.equal("evidence", _plain(then), _plain(now))
        return
    for name in ("has_evidence", "alpha", "threshold"):
        found.equal(f"evidence.{name}", getattr(then, name), getattr(now, name))
    near = found.near("evidence.score", then.score, now.score, max(1, abs(then.score)))
    if then.p_value != now.p_value:  # it goes in steps: one good part more or less
        moved = near and then.score != now.score
        words = _words("evidence.p_value", then.p_value, now.p_value)
        (found.rounding if moved else found.differences).append(words)


def _compare_regions(
    found: _Compared, then: Sequence[RegionOf], now: Sequence[RegionOf], slack: float
) -> None:
    found.equal("number of regions", len(then), len(now))
    if len(then) != len(now):
        return
    for one, other in zip(then, now, strict=True):
        name = f"region {other.rank}"
        found.equal(f"{name}.rank", one.rank, other.rank)
        _compare_places(found, name, one, other, slack)
        for value in ("strongest", "mean"):
            before, after = getattr(one, value), getattr(other, value)
            found.near(f"{name}.{value}", before, after, max(1, abs(before)))
        if one.p_value != other.p_value:
            words = _words(f"{name}.p_value", one.p_value, other.p_value)
            moved = one.strongest != other.strongest
            (found.rounding if moved else found.differences).append(words)


def _compare_places(
    found: _Compared, name: str, one: RegionOf, other: RegionOf, slack: float
) -> None:
    """Edges by pixels; an area may differ by as many along its outline, and then the mask does."""
    edges = {"x": 1.0, "y": 1.0, "width": 2.0, "height": 2.0}
    limits = edges | {"area": 2.0 * (one.width + one.height)}
    for side, times in limits.items():
        before, after = getattr(one, side), getattr(other, side)
        if before != after:
            within = abs(before - after) <= times * slack
            words = _words(f"{name}.{side}", before, after)
            (found.rounding if within else found.differences).append(words)
    if one.rle != other.rle:
        (found.rounding if slack else found.differences).append(f"{name}'s mask is another one")


def _slack(record: Record) -> float:
    """Pixels by which a region's edge may lie elsewhere where a map is not the same to the bit."""
    sides = record.picture.shape or (1, 1)
    return max(1.0, _PIXELS * max(sides[:2]))


def _options(method: MethodOf | None) -> object:
    """The method with all options: which of them a spec names goes by the defaults of its day."""
    return None if method is None else {"name": name_of(method.spec), **method.options}


def _error(error: ErrorOf | None) -> str | None:
    return None if error is None else f"{error.type}: {error.message}"


def _plain(value: object) -> object:
    """A dataclass as a dictionary, so that words of it are short."""
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value  # type: ignore[call-overload]


def _words(name: str, then: object, now: object) -> str:
    return f"{name} {_short(then)} recorded, {_short(now)} now"


def _short(value: object) -> str:
    if value is None:
        return "none"
    text = f"{value:.9g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"
