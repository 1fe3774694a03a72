"""The matrix of backbones: a few in the ordinary run, all of `benchmarks/backbones.txt` as slow."""

from __future__ import annotations

from pathlib import Path

import pytest

from backbones import measure

LIST = Path(__file__).parents[2] / "benchmarks" / "backbones.txt"
FAST = {"lcnet_050": 96, "resnet14t": 64, "edgenext_xx_small": 64, "deit_tiny_patch16_224": None}
TOLERANCE = {"float32": 1e-4}


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
    """Where PyTorch's own float32 is further from float64, four times that is allowed."""
    row = measure(model, FAST.get(model), tmp_path)
    assert row.recipro <= max(TOLERANCE["float32"], 4 * row.recipro_float32)
    if row.grad_cam is not None and row.grad_cam_float32 is not None:
        assert row.grad_cam <= max(TOLERANCE["float32"], 4 * row.grad_cam_float32)
