"""The built-in model: its pictures, its accuracy, and the bundle that ships."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

import camruntime
from camexport.build import BuildOptions, build_bundle
from camexport.inspector import LABELS, SIZE, Inspector
from camexport.inspector.network import GRID
from camexport.inspector.samples import write_samples
from camexport.inspector.surfaces import draw, draw_many
from camexport.inspector.train import FRESH_SEED, Batch, accuracy, stray_evidence, surfaces
from camexport.models import find_architecture, load_network
from camruntime.bundle import open_bundle
from camruntime.pictures import read_picture

SHIPPED = Path(__file__).parents[2] / "exported_models" / "inspector"


def test_a_seed_names_a_picture() -> None:
    first, again, other = (list(draw_many(seed, 6)) for seed in (7, 7, 8))
    for one, two, three in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one.image, two.image)
        np.testing.assert_array_equal(one.mask, two.mask)
        assert (one.image != three.image).any()
    assert [surface.label for surface in first] == [0, 1, 2, 3, 4, 0]


@pytest.mark.parametrize("label", range(1, len(LABELS)))
def test_the_mask_is_where_the_picture_changed(label: int) -> None:
    """Each kind of defect differs from its surroundings inside the mask, and only there."""
    signs = {"scratch": 1, "crack": -1, "stain": -1, "hole": -1}
    rng = np.random.default_rng(label)
    for _ in range(20):
        surface = draw(rng, label)
        assert surface.label == label
        assert 10 < surface.mask.sum() < 0.25 * SIZE**2
        grey = surface.image.mean(2)
        contrast = grey[surface.mask].mean() - grey[~surface.mask].mean()
        assert contrast * signs[LABELS[label]] > 12


def test_good_surfaces_have_no_mask() -> None:
    rng = np.random.default_rng(0)
    assert not any(draw(rng, 0).mask.any() for _ in range(10))


def test_all_materials_appear() -> None:
    assert {surface.material for surface in draw_many(0, 40)} == {"metal", "fabric", "cast"}


def test_accuracy_on_fresh_surfaces() -> None:
    network, _ = load_network(find_architecture("inspector"), "default", 0, (SIZE, SIZE))
    assert accuracy(network, surfaces(FRESH_SEED, 1000)) >= 0.97


def test_stray_evidence_by_hand() -> None:
    """One channel, evidence 3 on the defect's cell and 1 beside it: a quarter strays."""
    network = Inspector()
    with torch.no_grad():
        network.classifier.weight.zero_()
        network.classifier.weight[2, 0] = 5
    features = torch.zeros(2, 96, GRID, GRID)
    features[:, 0, 4, 4], features[:, 0, 9, 9] = 3, 1
    cells = torch.zeros(2, GRID, GRID, dtype=torch.bool)
    cells[:, 4, 4] = True
    batch = Batch(torch.zeros(2, 3, SIZE, SIZE), torch.tensor([2, 0]), cells)
    assert stray_evidence(network, features, batch).item() == pytest.approx(0.25, abs=1e-4)


def test_the_shipped_bundle_is_what_the_weights_give(tmp_path: Path) -> None:
    shipped = open_bundle(SHIPPED).manifest
    bundle = build_bundle(
        BuildOptions(model="inspector", good="good", out=tmp_path / "inspector")
    ).bundle
    rebuilt = bundle.manifest
    # Versions of the tools, and with them the bytes of the graphs, may differ; their work may not.
    like_shipped = dataclasses.replace(
        rebuilt,
        tools=shipped.tools,
        parity=shipped.parity,
        graphs=shipped.graphs,
        weights=dataclasses.replace(rebuilt.weights, sha256=shipped.weights.sha256),
    )
    assert like_shipped == shipped
    for sample in sorted((SHIPPED / "samples").glob("*.png")):
        for method in ("recipro-cam", "score-cam"):
            old, new = (
                camruntime.load(folder, ["cpu"]).explain(sample, method)
                for folder in (SHIPPED, bundle.folder)
            )
            np.testing.assert_allclose(new.raw, old.raw, atol=float(1e-5 * np.ptp(old.raw)))


def test_the_shipped_samples_are_what_the_generator_draws(tmp_path: Path) -> None:
    write_samples(tmp_path)
    for path in tmp_path.rglob("*.png"):
        shipped = SHIPPED / "samples" / path.relative_to(tmp_path)
        drawn, kept = (read_picture(one) for one in (path, shipped))
        # Another build of OpenCV may round a blurred pixel the other way.
        assert np.abs(drawn.astype(int) - kept.astype(int)).max() <= 2
