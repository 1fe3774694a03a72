"""One method, or PatchCore, on one data set: explained, measured, and kept in a file."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from camruntime.maps import FloatArray
from evidence.datasets import DataSet
from evidence.explained import Seen, calibrated, explained
from evidence.measures import Found, Row, pixel_scores, read_found, row_of
from evidence.sources import Item

PATCHCORE = Path(__file__).parent / "patchcore.py"
LEARNED = 300  # good parts at most
KEPT = 3000  # of their patches, each a vector of PatchCore's memory
PATCHES = 32 * 32  # of a picture


def place(work: Path, name: str, method: str) -> Path:
    """The file of a method on a data set."""
    return work / f"{name}-{method.replace(':', '_')}.json"


def measured(data: DataSet, method: str, work: Path) -> Found:
    """What a method shows, from its file where it is there."""
    file = place(work, data.name, method)
    known = read_found(file)
    if known is not None:
        return known
    rows: list[Row] = []
    seen: list[Seen] = []
    for fold in data.folds:
        written, calibration = calibrated(fold, method, work / "calibrating")
        shown = set(fold.shown)
        (target,) = calibration.of_method(calibration.methods[0].method).targets
        strongest = dict(zip((p.name for p in calibration.parts), target.strongest, strict=True))
        rows += [
            Row(
                f"{item.kind}/{item.picture.name}", item.kind, 0, strongest[item.picture.name], None
            )
            for item in fold.calibrating
            if item not in shown and item.picture.name in strongest  # one of equal pictures
        ]
        seen += explained(fold, method, written)
    rows += [row_of(one.item, one.strongest, one.raised) for one in seen]
    found, items = Found(data.good, tuple(rows), ()), [one.item for one in seen]
    relative = pixel_scores("relative", found, items, [one.relative for one in seen])
    raised = pixel_scores("calibrated", found, items, [one.raised for one in seen])
    found = replace(found, pixels=(*relative, *raised))
    found.write(file)
    return found


def patchcore(data: DataSet, python: str | None, weights: Path, work: Path) -> Found | None:
    """The same of PatchCore; None where it was not measured and no Python has anomalib."""
    file = place(work, data.name, "PatchCore")
    known = read_found(file)
    if known is not None or python is None:
        return known
    rows, items, maps = [], [], []
    for fold, learned in zip(data.folds, data.learned, strict=True):
        shown = [*fold.shown, *(item for item in fold.calibrating if item not in fold.shown)]
        anomalies = _anomalies(python, weights, learned, shown, work)
        for item, one in zip(shown, anomalies, strict=True):
            rows.append(row_of(item, float(one.max()), one))
            if item in fold.shown:
                items.append(item)
                maps.append(one)
    found = Found(data.good, tuple(rows), ())
    found = replace(found, pixels=tuple(pixel_scores("PatchCore", found, items, maps)))
    found.write(file)
    return found


def _anomalies(
    python: str,
    weights: Path,
    learned: Sequence[Path],
    shown: Sequence[Item],
    work: Path,
) -> list[FloatArray]:
    """PatchCore's maps at the sizes of the pictures."""
    lists = {"learned": learned[:LEARNED], "shown": [item.picture for item in shown]}
    for name, files in lists.items():
        (work / f"{name}.txt").write_text("\n".join(map(str, files)) + "\n", encoding="utf-8")
    out = work / "patchcore.npy"
    words = [python, str(PATCHCORE), str(weights), str(work / "learned.txt")]
    share = KEPT / (PATCHES * len(lists["learned"]))
    words += [str(work / "shown.txt"), str(out), "--share", f"{share:.5f}"]
    with (work / "patchcore.log").open("w") as log:
        subprocess.run(words, check=True, stderr=log)
    found = []
    for item, one in zip(shown, np.load(out), strict=True):
        height, width = np.asarray(cv2.imread(str(item.picture))).shape[:2]
        found.append(np.asarray(cv2.resize(one, (width, height)), np.float32))
    return found
