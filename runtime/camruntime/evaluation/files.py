"""The files of an evaluation, beside its journal."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from camruntime.evaluation.row import Row
from camruntime.evaluation.summary import Summary

RESULTS = "results.csv"
SUMMARY = "summary.json"
REPORT = "report.html"


def write_results(path: Path, rows: Sequence[Row], labels: Sequence[str]) -> None:
    """A CSV with a line per sample and method, and a column per metric; empty is no value."""
    metrics = list(rows[0].values) if rows else []
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*_PLAIN, "target_label", "predicted_label", *metrics])
        for row in rows:
            plain = [_cell(getattr(row, name)) for name in _PLAIN]
            values = [_cell(row.values[metric]) for metric in metrics]
            writer.writerow([*plain, labels[row.target], labels[row.predicted], *values])


def write_summary(path: Path, summary: Summary) -> None:
    """JSON, with a `schema_version`."""
    text = json.dumps(dataclasses.asdict(summary), indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


_PLAIN = [field.name for field in dataclasses.fields(Row) if field.name not in ("values", "curves")]


def _cell(value: object) -> object:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else value
