"""Bundles for a device whose memory is not the host's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import camruntime
from camexport.build import BuildOptions, build_bundle
from camruntime.bundle import Bundle, open_bundle
from camruntime.engine import Engine, Instruments
from camruntime.pictures import Picture, as_picture
from explainers import Explainers

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"


@pytest.fixture(scope="session")
def device(provider: str) -> str:
    """A provider that computes elsewhere than on the host."""
    if provider == "cpu":
        pytest.skip("needs a device: make test-webgpu, or pytest --provider cuda")
    return provider


@pytest.fixture(scope="session")
def inspector() -> Bundle:
    """The bundle that ships with the project."""
    return open_bundle(INSPECTOR)


@pytest.fixture(scope="session")
def defect() -> Picture:
    """One of its sample pictures, with a defect."""
    return as_picture(INSPECTOR / "samples" / "scratch-1.png")


@pytest.fixture(scope="session")
def resnet18(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """ResNet18 with seeded random weights, for small pictures."""
    out = tmp_path_factory.mktemp("devices") / "resnet18"
    options = BuildOptions(model="resnet18", weights="random", size=(64, 64), seed=1, out=out)
    return build_bundle(options).bundle


@pytest.fixture(scope="session")
def photo() -> Picture:
    """A seeded picture with structure at several scales, uint8 RGB `(64, 64, 3)`."""
    rng = np.random.default_rng(11)
    coarse, fine = rng.random((8, 8, 3)).repeat(8, 0).repeat(8, 1), rng.random((64, 64, 3))
    return np.asarray((0.7 * coarse + 0.3 * fine) * 255, np.uint8)


@pytest.fixture
def explainer(device: str) -> Explainers:
    """Makes one of a bundle on the device."""

    def make(
        bundle: Bundle,
        capture: bool = False,
        chunk: int | None = None,
        profile: Path | None = None,
    ) -> camruntime.Explainer:
        told = Instruments(profile=profile)
        engine = Engine(bundle, [device], instruments=told, capture=capture)
        return camruntime.Explainer(engine, chunk)

    return make
