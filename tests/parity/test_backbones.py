"""The matrix of backbones: a few in the ordinary run, all that build of it as slow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backbones import measure

MATRIX = Path(__file__).parents[2] / "docs" / "backbones.jsonl"
FAST = {"lcnet_050": 96, "deit_tiny_patch16_224": None}


def _built() -> list[str]:
    """Without those that `docs/backbones.md` gives the reason of."""
    lines = MATRIX.read_text(encoding="utf-8").splitlines()
    rows = {row["model"]: row for row in map(json.loads, lines)}
    return [name for name, row in rows.items() if "error" not in row]


@pytest.mark.parametrize(
    "model",
    [
        *FAST,
        *(pytest.param(name, marks=pytest.mark.slow) for name in _built() if name not in FAST),
    ],
)
def test_a_backbone_equals_pytorch(tmp_path: Path, model: str) -> None:
    row = measure(model, FAST.get(model), tmp_path)
    assert row.agrees, row
