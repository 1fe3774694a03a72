"""Results on disk, appended as they come: an interrupted evaluation goes on where it was."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from camruntime._decode import DecodeError, decode
from camruntime.errors import EvaluationError
from camruntime.evaluation.row import Row

FILE = "results.jsonl"


class Journal:
    """`results.jsonl` in a folder: a line that says what is measured, then a line for each row.

    Attributes:
        rows: those that were there, and those that were added.
    """

    def __init__(self, folder: Path, conditions: Mapping[str, object]) -> None:
        """Open or begin it.

        Args:
            folder: made with the first row, when it is missing.
            conditions: what all rows have in common, ready for JSON.

        Raises:
            EvaluationError: the folder holds results under other conditions, or something else.
        """
        self._path = folder / FILE
        self._conditions = conditions
        self.rows: list[Row] = []
        if not self._path.is_file():
            return  # written with the first row, so that a run that fails leaves nothing
        text = self._path.read_text(encoding="utf-8")
        whole, _, torn = text.rpartition("\n")  # a line that was cut off while it was written
        head, *lines = whole.split("\n")
        self._compare(head, json.loads(json.dumps(conditions)))
        self.rows = [self._read(number, line) for number, line in enumerate(lines, 2)]
        if torn:
            self._path.write_text(whole + "\n", encoding="utf-8")

    def add(self, row: Row) -> None:
        """Keep a row; it is on disk when this returns."""
        if not self._path.is_file():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._append(self._conditions)
        self._append(dataclasses.asdict(row))
        self.rows.append(row)

    def _append(self, entry: Mapping[str, object]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def _compare(self, head: str, conditions: Mapping[str, object]) -> None:
        try:
            found = json.loads(head)
        except ValueError as error:
            raise EvaluationError(f"{self._path} holds no results: {error}") from error
        for name in conditions:
            before = found.get(name) if isinstance(found, dict) else None
            if before != conditions[name]:
                raise EvaluationError(
                    f"{self._path} was measured with {name} {before}, not {conditions[name]}: "
                    "give another --out, or remove the folder"
                )

    def _read(self, number: int, line: str) -> Row:
        try:
            return decode(Row, json.loads(line), "row")
        except (ValueError, DecodeError) as error:
            raise EvaluationError(
                f"line {number} of {self._path} is damaged: {error}; remove the line"
            ) from error
