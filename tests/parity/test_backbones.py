"""The matrix of backbones: a few in the ordinary run, all of `benchmarks/backbones.txt` as slow."""

from __future__ import annotations

from pathlib import Path

import pytest

from backbones import measure

LIST = Path(__file__).parents[2] / "benchmarks" / "backbones.txt"
FAST = {"lcnet_050": 96, "deit_tiny_patch16_224": None}


@pytest.mark.parametrize(
    "model",
    [
        *FAST,
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in LIST.read_text(encoding="utf-8").split()
            if name not in FAST
        ),
    ],
)
def test_a_backbone_equals_pytorch(tmp_path: Path, model: str) -> None:
    row = measure(model, FAST.get(model), tmp_path)
    assert row.agrees, row
