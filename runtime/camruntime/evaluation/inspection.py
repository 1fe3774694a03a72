"""What an inspector asks of an evaluation: classes, sizes, mistakes, good parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from camruntime.evaluation.estimates import Curve, Estimate


@dataclass(frozen=True)
class Coloured:
    """Parts that show colour in a method's maps.

    Attributes:
        count, of: good parts that do, and all of them.
        defects, of_defects: the same of parts with a defect.
        relative: the scale is relative: every map is stretched to its own maximum.
    """

    count: int
    of: int
    defects: int
    of_defects: int
    relative: bool


@dataclass(frozen=True)
class Overlap:
    """Per-region overlap (PRO): which part of a defect a map finds.

    Attributes:
        area: under the curve up to the limit, over the limit, in [0, 1].
        limit: the share of good pixels up to which the curve goes.
        curve: the mean part of a defect over that share.
    """

    area: float
    limit: float
    curve: Curve


@dataclass(frozen=True)
class Found:
    """Defects that are found at a rate of false alarms.

    Attributes:
        at_most: the share of good parts that may be alarms.
        alarms: the share that are.
        share: of the defects that are found.
        defects: their number.
    """

    at_most: float
    alarms: float
    share: float
    defects: int


@dataclass(frozen=True, kw_only=True)
class Detection:
    """How well pictures of defects are told from those of good parts.

    Attributes:
        scored: what tells them apart.
        good_parts, defects: numbers of samples.
        area: under the curve (ROC), in [0, 1]; 0.5 of a score that knows nothing.
        curve: defects found over false alarms.
        found: at some rates of false alarms.
    """

    scored: str
    good_parts: int
    defects: int
    area: float
    curve: Curve
    found: tuple[Found, ...]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Samples of one class, or with defects of one size.

    Attributes:
        kind: what they have in common.
        name: the class; or the size, with its limits as shares of the picture.
        samples: their number.
        means: by method, then by metric's name; one without any value is absent.
    """

    kind: str
    name: str
    samples: int
    means: Mapping[str, Mapping[str, Estimate]]


MistakeKind = Literal["miss", "false alarm", "confusion"]
"""A defect that the network called good; a good part that it called a defect; anything else."""


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A sample that the network classifies wrongly.

    Attributes:
        kind: of mistake.
        sample: its name.
        truth, predicted: classes.
        probability: of the true class; where several are meant, of the likeliest.
    """

    kind: MistakeKind
    sample: str
    truth: str
    predicted: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """What the network took for what.

    Attributes:
        truths: classes of the samples, one for each row.
        predicted: classes of the network, one for each column.
        counts: numbers of samples.
        right: of those, how many are right: a class of the data set may mean several.
        mistakes: misses first, then false alarms.
    """

    truths: tuple[str, ...]
    predicted: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    right: tuple[tuple[int, ...], ...]
    mistakes: tuple[Mistake, ...]
