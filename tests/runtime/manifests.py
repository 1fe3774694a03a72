"""`bundle.json` edited as somebody would who knows the format: its digest fits again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from camruntime.bundle import MANIFEST
from camruntime.bundle.sealing import SEAL, sealed


def setting(*path: str | int, to: object) -> Callable[[dict[str, Any]], None]:
    """A change that puts `to` in the place of what lies at `path`."""

    def change(content: dict[str, Any]) -> None:
        place: Any = content
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return change


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Let `change` edit the manifest of the bundle in `folder`, then seal it."""
    file = folder / MANIFEST
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    content.pop(SEAL)
    change(content)
    file.write_text(json.dumps(sealed(content)), encoding="utf-8")
