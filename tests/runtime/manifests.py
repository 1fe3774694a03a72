"""`bundle.json` edited as somebody would who knows the format: its digest fits again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from camruntime.bundle import MANIFEST
from camruntime.bundle.sealing import SEAL, sealed


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Let `change` edit the manifest of the bundle in `folder`, then seal it."""
    file = folder / MANIFEST
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    content.pop(SEAL)
    change(content)
    file.write_text(json.dumps(sealed(content)), encoding="utf-8")
