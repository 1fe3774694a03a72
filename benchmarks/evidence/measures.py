"""What is measured of a method on a data set, as plain rows: so that a run can go on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from camruntime.evaluation.pro import region_overlap
from camruntime.evaluation.roc import pixel_roc, roc
from camruntime.maps import FloatArray
from evidence.sources import Item

SIZES = ("small", "medium", "large")


@dataclass(frozen=True)
class Row:
    """A picture.

    Attributes:
        name: of its file.
        kind: its class.
        area: of its defect, as a share of the picture; 0 of a good part or an empty mask.
        strongest: its strongest evidence.
        on_defect: the strongest on the defect; None without a mask.
    """

    name: str
    kind: str
    area: float
    strongest: float
    on_defect: float | None


@dataclass(frozen=True)
class PixelScore:
    """How well pixels of a scale tell defects, over good parts and the defects of one group.

    Attributes:
        scale: `relative`, `calibrated`, or `PatchCore`.
        group: `all`, a class, or a size.
        auroc, pro: areas, of overlap up to 30 percent false positives.
    """

    scale: str
    group: str
    auroc: float
    pro: float


@dataclass(frozen=True)
class Found:
    """Of one method on one data set.

    Attributes:
        good: label of good parts.
        rows: a picture each.
        pixels: scores by scale and group.
    """

    good: str
    rows: tuple[Row, ...]
    pixels: tuple[PixelScore, ...]

    def good_parts(self) -> NDArray[np.float64]:
        """Their strongest evidence."""
        return np.array([row.strongest for row in self.rows if row.kind == self.good])

    def defects(self) -> list[Row]:
        """All others."""
        return [row for row in self.rows if row.kind != self.good]

    def picture_auroc(self) -> float:
        """Pictures told by their strongest evidence."""
        kinds = [row.kind != self.good for row in self.rows]
        return roc([row.strongest for row in self.rows], kinds).area

    def groups(self) -> dict[str, list[Row]]:
        """Defects: all, by class, and in thirds by area."""
        defects = self.defects()
        kinds = sorted({row.kind for row in defects})
        found = {"all": defects} | {k: [row for row in defects if row.kind == k] for k in kinds}
        sized = sorted((row for row in defects if row.area), key=lambda row: row.area)
        cuts = [len(sized) * part // 3 for part in range(4)]
        return found | {name: sized[cuts[i] : cuts[i + 1]] for i, name in enumerate(SIZES)}

    def write(self, file: Path) -> None:
        """Written aside and renamed."""
        aside = file.with_suffix(".part")
        aside.write_text(json.dumps(asdict(self), allow_nan=False), encoding="utf-8")
        aside.replace(file)


def read_found(file: Path) -> Found | None:
    """What was written; None where nothing was."""
    if not file.is_file():
        return None
    found = json.loads(file.read_text(encoding="utf-8"))
    rows = tuple(Row(**row) for row in found["rows"])
    return Found(found["good"], rows, tuple(PixelScore(**one) for one in found["pixels"]))


def name_of(item: Item) -> str:
    """`crack/0001.png`."""
    return f"{item.picture.parent.name}/{item.picture.name}"


def row_of(item: Item, strongest: float, raised: FloatArray) -> Row:
    """`raised` is the picture's map, `(H, W)`."""
    mask = item.mask(raised.shape)
    on_defect = float(raised[mask].max()) if mask.any() else None
    return Row(name_of(item), item.kind, float(mask.mean()), strongest, on_defect)


def pixel_scores(
    scale: str, found: Found, items: Sequence[Item], maps: Sequence[FloatArray]
) -> list[PixelScore]:
    """Of the maps of some of the pictures of `found`, in every group that has masks."""
    masks = [item.mask(one.shape) for item, one in zip(items, maps, strict=True)]
    scores = []
    for group, rows in found.groups().items():
        inside = {row.name for row in rows if row.area}
        if not inside:
            continue  # no pixel to find
        chosen = [
            index
            for index, item in enumerate(items)
            if item.kind == found.good or name_of(item) in inside
        ]
        some, places = [maps[row] for row in chosen], [masks[row] for row in chosen]
        auroc, pro = pixel_roc(some, places).area, region_overlap(some, places).area
        scores.append(PixelScore(scale, group, auroc, pro))
    return scores
