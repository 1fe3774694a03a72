"""Good beside bad, on the relative scale and on the calibrated one, as PNG."""

from __future__ import annotations

from pathlib import Path

import camruntime
from camruntime.pictures import contact_sheet, encode_png
from evidence.datasets import DataSet
from evidence.explained import TARGET, calibrated
from evidence.measures import Found, name_of
from evidence.sources import Item

HEIGHT = 110
PICTURES = 5


def draw(data: DataSet, found: Found, method: str, work: Path, out: Path) -> None:
    """A good part and defects: above, what maps show by themselves, below against good parts."""
    fold = data.folds[0]
    chosen = _typical(data, found)
    file, _ = calibrated(fold, method, work / "calibrating")
    tiles = []
    for calibration, scale in ((None, "relative"), (file, "calibrated")):
        explainer = camruntime.load(fold.bundle, providers=["cpu"], calibration=calibration)
        for item in chosen:
            shown = explainer.explain(item.picture, method, TARGET).overlay()
            tiles.append((f"{item.kind}, {scale}", shown))
    out.write_bytes(encode_png(contact_sheet(tiles, len(chosen), HEIGHT)))


def _typical(data: DataSet, found: Found) -> list[Item]:
    """Of each class the picture with the median of its strongest evidence; good first."""
    strongest = {row.name: row.strongest for row in found.rows}
    shown = data.folds[0].shown
    kinds = [data.good, *sorted({item.kind for item in shown} - {data.good})]
    chosen = []
    for kind in kinds[:PICTURES]:
        those = sorted((i for i in shown if i.kind == kind), key=lambda i: strongest[name_of(i)])
        chosen.append(those[len(those) // 2])
    return chosen
