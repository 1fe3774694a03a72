"""What an evaluation left in its folder; several parts of the page ask for the same."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any


@cache
def summary_of(folder: Path) -> dict[str, Any]:
    """Its `summary.json`."""
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return found


@cache
def rows_of(folder: Path) -> list[dict[str, Any]]:
    """The rows of its journal, without the head."""
    lines = (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()[1:]
    return [json.loads(line) for line in lines]
