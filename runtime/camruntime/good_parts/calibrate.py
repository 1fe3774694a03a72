"""Measure a calibration on good parts; one that is interrupted goes on where it was."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from camruntime.calibration import Calibration, parts_needed
from camruntime.errors import CalibrationError
from camruntime.explainer import Explainer
from camruntime.good_parts.folder import distinct, pictures_in
from camruntime.good_parts.plan import Plan
from camruntime.good_parts.strongest import PartRow, strongest_of
from camruntime.good_parts.summarise import summarise
from camruntime.journal import Journal
from camruntime.methods import spec_of

Progress = Callable[[int, int, str], None]
"""Called with good parts done, the number of all, and the name of the last one."""


def calibrate(
    explainer: Explainer,
    good_parts: str | Path,
    planned: Plan,
    unfinished: Path,
    before: Calibration | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Measure what good parts show.

    Args:
        explainer: of the bundle.
        good_parts: a folder with pictures of good parts, of the production that is judged later,
            that the network was not trained with.
        planned: what is calibrated.
        unfinished: a folder for what is measured until all is; to be removed when the calibration
            is written.
        before: parts in it are not measured again, where it is of the same bundle, methods and
            targets; whatever its alpha.
        progress: is told.

    Raises:
        CalibrationError: there are too few good parts for this alpha, or none.
        EvaluationError: `unfinished` is of another calibration, or another process works in it.
        OutputError: it cannot be written; what is in it is kept.
        CamError: a method cannot explain this network.
    """
    parts, left_out = distinct(pictures_in(Path(good_parts)))
    _require_enough(len(parts), planned.alpha)
    journal = Journal(unfinished, _conditions(explainer, planned), PartRow, _fits(planned))
    with journal.held():
        known = {
            row.key: row for row in [*_measured_before(before, explainer, planned), *journal.rows]
        }
        todo = [one for one in parts if (one.name, one.sha256) not in known]
        found = strongest_of(explainer, todo, planned.methods, planned.targets)
        for done, (file, row) in enumerate(zip(todo, found, strict=True), len(parts) - len(todo)):
            if isinstance(row, str):
                left_out.append(row)
            else:
                journal.add(row)
                known[row.key] = row
            if progress is not None:
                progress(done + 1, len(parts), file.name)
    rows = [known[key] for one in parts if (key := (one.name, one.sha256)) in known]
    _require_enough(len(rows), planned.alpha)
    return summarise(explainer, planned, rows, left_out)


def _require_enough(parts: int, alpha: float) -> None:
    needed = parts_needed(alpha)
    if parts < needed:
        least = math.ceil(1e4 / (parts + 1)) / 1e4  # rounded up: one below it would be refused, too
        advice = f", or an alpha of at least {least:g}" if parts else ""
        raise CalibrationError(
            f"expected at least 1 / alpha - 1 = {needed} good parts for alpha {alpha:g}, got "
            f"{parts}: give more{advice}"
        )


def _conditions(explainer: Explainer, planned: Plan) -> dict[str, object]:
    return {
        "schema_version": 1,
        "bundle": explainer.bundle.manifest.digest,
        "methods": [spec_of(one) for one in planned.methods],
        "targets": list(planned.targets.names),
    }


def _fits(planned: Plan) -> Callable[[PartRow], bool]:
    lengths = {spec_of(one): len(planned.targets.names) for one in planned.methods}
    return lambda row: {spec: len(one) for spec, one in row.strongest.items()} == lengths


def _measured_before(
    before: Calibration | None, explainer: Explainer, planned: Plan
) -> list[PartRow]:
    """The parts of a calibration, where it is of the same bundle, methods and targets."""
    if before is None or before.bundle != explainer.bundle.manifest.digest:
        return []
    found = {
        method.method: {one.by_index: one.strongest for one in method.targets}
        for method in before.methods
    }
    wanted = {spec_of(one): planned.targets.by_index for one in planned.methods}
    if {spec: tuple(one) for spec, one in found.items()} != wanted:
        return []
    return [
        PartRow(
            part=part,
            strongest={
                spec: tuple(found[spec][key][row] for key in keys) for spec, keys in wanted.items()
            },
        )
        for row, part in enumerate(before.parts)
    ]
