"""The files of an evaluation, beside its journal."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from collections.abc import Sequence
from pathlib import Path

from camruntime._strict_json import json_bytes
from camruntime._whole_files import write_whole
from camruntime.errors import EvaluationError
from camruntime.evaluation.row import Row
from camruntime.evaluation.summary import Summary

RESULTS = "results.csv"
SUMMARY = "summary.json"
REPORT = "report.html"


def write_results(path: Path, rows: Sequence[Row], labels: Sequence[str]) -> None:
    """A CSV with a line per sample and method, and a column per metric; empty is no value.

    Texts are quoted, and one that a spreadsheet would take for a formula stands behind a `'`;
    `read_results` takes it off again.

    Raises:
        OutputError: it cannot be written; what was there before is kept.
    """
    metrics = list(rows[0].values) if rows else []
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow([*_PLAIN, "target_label", "predicted_label", *metrics])
    for row in rows:
        plain = [_cell(getattr(row, name)) for name in _PLAIN]
        values = [_cell(row.values[metric]) for metric in metrics]
        named = (_cell(labels[row.target]), _cell(labels[row.predicted]))
        writer.writerow([*plain, *named, *values])
    write_whole({path: text.getvalue().encode("utf-8", "backslashreplace")})


def read_results(path: Path) -> list[dict[str, str]]:
    """The rows of `results.csv` as texts by column, names and labels as they were.

    Raises:
        EvaluationError: it cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            head, *rows = csv.reader(file, strict=True)
            return [
                {name: _unguarded(cell) for name, cell in zip(head, row, strict=True)}
                for row in rows
            ]
    except (OSError, ValueError, csv.Error) as error:  # ValueError: no head, or another length
        raise EvaluationError(f"cannot read {path} as results: {error}") from error


def write_summary(path: Path, summary: Summary) -> None:
    """JSON, with a `schema_version`.

    Raises:
        OutputError: it cannot be written; what was there before is kept.
    """
    write_whole({path: json_bytes(dataclasses.asdict(summary), indent=2) + b"\n"})


def write_page(path: Path, page: str) -> None:
    """A page of HTML, in UTF-8.

    Raises:
        OutputError: it cannot be written; what was there before is kept.
    """
    write_whole({path: page.encode("utf-8", "xmlcharrefreplace")})


_MANY = ("values", "curves", "classes", "levels")  # of which a cell cannot hold one
_PLAIN = [field.name for field in dataclasses.fields(Row) if field.name not in _MANY]


_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")  # noqa: RUF001  # wide ones count in Japanese Excel


def _cell(value: object) -> object:
    """Six digits of a float; a formula's text, and one that looks guarded, behind a `'`."""
    if isinstance(value, str):
        return f"'{value}" if _FORMULA.match(value) else value
    return "" if value is None else float(f"{value:.6g}") if isinstance(value, float) else value


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
