"""A record: what was decided of one part, by what, and how that can be computed again."""

from __future__ import annotations

import re
from dataclasses import dataclass

from camruntime.bundle import is_digest
from camruntime.maps import Approximation
from camruntime.record.picture import PictureOf
from camruntime.record.raw_map import RawMap
from camruntime.record.versions import Versions
from camruntime.verdict import ClassScore

SCHEMA_VERSION = 1
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@dataclass(frozen=True, kw_only=True)
class BundleOf:
    """The bundle that computed.

    Attributes:
        digest: `Manifest.digest`, over all of it.
        model, layer: the network and its target layer, for people.
        weights: `Manifest.fingerprint`.
        path: where it lay, where that is known.
    """

    digest: str
    model: str
    layer: str
    weights: str
    path: str | None


@dataclass(frozen=True, kw_only=True)
class MethodOf:
    """The method.

    Attributes:
        spec: as a command line takes it.
        options: all of them, defaults too; an infinite one, which is no limit, is None.
    """

    spec: str
    options: dict[str, object]

    def __post_init__(self) -> None:
        for name, value in self.options.items():
            if value is not None and not isinstance(value, (str, int, float)):
                raise ValueError(f"expected a number or a text as {name!r:.40}, got {value!r:.40}")


@dataclass(frozen=True, kw_only=True)
class TargetOf:
    """Which class was explained.

    Attributes:
        asked: as the caller said: None for the top class, an index, a label or text of a contrast,
            or `{"target": ..., "against": ...}` of a `Contrast`.
        together: all that were asked for in one call; None where it was asked for alone.
        meant: the class, or the contrast; None where nothing was explained.
        against: of a contrast, the class that it is held against.
    """

    asked: object
    together: tuple[object, ...] | None
    meant: ClassScore | None
    against: ClassScore | None

    def __post_init__(self) -> None:
        for one in (self.asked, *(self.together or ())):
            names = one if isinstance(one, dict) else {"target": one, "against": None}
            if names.keys() != {"target", "against"} or not all(map(_is_class, names.values())):
                raise ValueError(f"expected null, an index, a text or a contrast, got {one!r:.60}")
        if self.together is not None and self.asked not in self.together:
            raise ValueError(f"{self.asked!r:.40} is none of those that were asked for together")


@dataclass(frozen=True, kw_only=True)
class VerdictOf:
    """What the network says.

    Attributes:
        predicted: its top class.
        present: the classes that it says are there, the strongest first.
    """

    predicted: ClassScore
    present: tuple[ClassScore, ...]


@dataclass(frozen=True, kw_only=True)
class EvidenceOf:
    """What a map shows beyond what good parts show; see `camruntime.calibration.Evidence`.

    Attributes:
        has_evidence, score, p_value, alpha: as there.
        threshold: in the raw map's unit.
    """

    has_evidence: bool
    score: float
    p_value: float
    alpha: float
    threshold: float

    def __post_init__(self) -> None:
        if not (0 <= self.p_value <= 1 and 0 <= self.alpha <= 1):
            raise ValueError("expected a p-value and an alpha in [0, 1]")


@dataclass(frozen=True, kw_only=True)
class RegionOf:
    """A region; see `camruntime.regions.Region`.

    Attributes:
        rank, x, y, width, height, area, strongest, mean, p_value: as there.
        rle: the counts of COCO's run-length code of its mask; None where they are long.
    """

    rank: int
    x: int
    y: int
    width: int
    height: int
    area: int
    strongest: float
    mean: float
    p_value: float | None
    rle: str | None

    def __post_init__(self) -> None:
        if min(self.x, self.y) < 0 or min(self.rank, self.width, self.height, self.area) < 1:
            raise ValueError("expected a region of at least a pixel in the photograph")
        if self.p_value is not None and not 0 <= self.p_value <= 1:
            raise ValueError(f"expected a p-value in [0, 1], got {self.p_value}")


@dataclass(frozen=True, kw_only=True)
class Stages:
    """Milliseconds by stage; see `camruntime.explanation.Milliseconds`. None was not passed."""

    read: float
    network: float
    method: float | None


@dataclass(frozen=True, kw_only=True)
class ErrorOf:
    """Why there is no answer: the error's type, by its name in `camruntime.errors`, and words."""

    type: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """One line: one picture by one method, or a verdict without a map, or an error.

    Attributes:
        schema_version: of this.
        time: UTC, RFC 3339 with milliseconds.
        part: what the caller calls the part.
        picture: which picture.
        bundle, calibration, provider, versions: what computed; the calibration's digest is None
            where the map was held against none.
        method: None of a verdict without a map.
        target: which class was explained.
        verdict: None where there is an error.
        no_evidence: the map is flat or not finite; None where there is no map.
        evidence: None where the map was held against no calibration.
        regions: `Explanation.shown_regions`, the strongest first, at most `making.REGIONS`.
        regions_left_out: how many more there are.
        map: the raw map, or what stands for a large one.
        approximation: of methods that may stop early.
        edges: what drew the edges, of methods that use them.
        milliseconds: by stage; None of an error.
        choice: what a budget had room for, where there was one.
        error: why there is no answer.
    """

    schema_version: int = SCHEMA_VERSION
    time: str
    part: str | None
    picture: PictureOf
    bundle: BundleOf
    calibration: str | None
    provider: str
    versions: Versions
    method: MethodOf | None
    target: TargetOf
    verdict: VerdictOf | None
    no_evidence: bool | None
    evidence: EvidenceOf | None
    regions: tuple[RegionOf, ...]
    regions_left_out: int
    map: RawMap | None
    approximation: Approximation | None
    edges: str | None
    milliseconds: Stages | None
    choice: dict[str, object] | None
    error: ErrorOf | None

    def __post_init__(self) -> None:
        if not _TIME.fullmatch(self.time):
            raise ValueError(f"expected a time as 2026-01-31T12:00:00.000Z, got {self.time!r:.40}")
        if (self.verdict is None) is (self.error is None):
            raise ValueError("expected a verdict or an error, and not both")
        explained = self.method is not None and self.error is None
        if (self.map is not None) is not explained:
            raise ValueError("expected a map where a method explained, and nowhere else")
        for digest in (self.bundle.digest, self.calibration):
            if digest is not None and not is_digest(digest):
                raise ValueError(f"expected a SHA-256, got {digest!r:.70}")


def _is_class(value: object) -> bool:
    return value is None or type(value) in (int, str)
