"""Networks that leave nothing to explain, from the build to the explanation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import camruntime
from camexport.build import BuildOptions, build_bundle
from camexport.errors import ParityError
from camruntime.engine import OnnxGraphs
from camruntime.errors import NonFiniteError
from camruntime.pictures import Picture


def test_a_network_that_is_always_certain(tmp_path: Path, photo: Picture) -> None:
    options = BuildOptions(model="networks:certain", size=(32, 32), out=tmp_path / "b")
    explainer = camruntime.load(build_bundle(options).bundle.folder, ["cpu"])
    certain = explainer.explain(photo)
    assert certain.no_evidence
    assert certain.target.probability == 1
    np.testing.assert_array_equal(certain.raw, np.ones((16, 16), np.float32))
    assert not explainer.explain(photo, score="logit").no_evidence
    assert not explainer.explain(photo, "score-cam").no_evidence


def test_a_black_picture_weighs_all_channels_alike(tmp_path: Path) -> None:
    """Zero times any mask is zero: Score-CAM is then the mean of the activation maps."""
    options = BuildOptions(
        model="networks:plain",
        size=(32, 32),
        mean=(0, 0, 0),
        std=(1, 1, 1),
        gradient=False,
        out=tmp_path / "b",
    )
    explainer = camruntime.load(build_bundle(options).bundle.folder, ["cpu"])
    found = explainer.explain(np.zeros((32, 32, 3), np.uint8), "score-cam")
    forward = OnnxGraphs(explainer._engine).forward(np.zeros((1, 3, 32, 32), np.float32))
    np.testing.assert_allclose(found.raw, forward.activations[0].mean(0), rtol=1e-5, atol=1e-7)


def test_overflow_in_the_network_is_an_error_and_not_a_map(
    tmp_path: Path, photo: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = BuildOptions(
        model="networks:exploding", size=(32, 32), gradient=False, out=tmp_path / "b"
    )
    with pytest.raises(ParityError, match=r"NaN or infinite, though .* not enough from 'fc' on"):
        build_bundle(options)
    monkeypatch.setattr("camexport.build.require_classifier", lambda *_: None)
    with pytest.raises(ParityError, match="differs from PyTorch by inf"):
        build_bundle(options)
    monkeypatch.setattr("camexport.bundles.write.compare", lambda *_: ())
    explainer = camruntime.load(build_bundle(options).bundle.folder, ["cpu"])
    with pytest.raises(NonFiniteError, match="answered NaN or infinity"):
        explainer.explain(photo)
