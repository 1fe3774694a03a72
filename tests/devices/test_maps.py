"""Every method on a device beside the CPU: maps within 1e-5 of their range, the same top cell.

Within 1e-4 where weights are differences of scores that are nearly equal: rounding is larger there.
"""

from __future__ import annotations

import numpy as np
import pytest

import camruntime
from camruntime.bundle import Bundle
from camruntime.engine import Engine
from camruntime.methods import name_of
from camruntime.pictures import Picture
from every_method import EVERY
from explainers import Explainers

CLOSE = 1e-5
DIFFERENCES = {"ablation-cam": 1e-4, "group-cam": 1e-4}


def _assert_as_on_the_cpu(
    bundle: Bundle, picture: Picture, spec: str, there: camruntime.Explainer
) -> None:
    expected = camruntime.Explainer(Engine(bundle, ["cpu"])).explain(picture, spec)
    found = there.explain(picture, spec, expected.target.index)
    reach = np.ptp(expected.raw)
    assert reach > 0 or spec == "uniform", "nothing would be compared"
    close = DIFFERENCES.get(name_of(spec), CLOSE)
    assert np.abs(found.raw - expected.raw).max() <= close * reach
    assert found.raw.argmax() == expected.raw.argmax()
    assert found.predicted.index == expected.predicted.index


@pytest.mark.parametrize("spec", EVERY)
def test_the_inspector(
    inspector: Bundle, defect: Picture, explainer: Explainers, spec: str
) -> None:
    _assert_as_on_the_cpu(inspector, defect, spec, explainer(inspector))


@pytest.mark.parametrize("spec", {name_of(one): one for one in reversed(EVERY)}.values())
def test_resnet18(resnet18: Bundle, photo: Picture, explainer: Explainers, spec: str) -> None:
    _assert_as_on_the_cpu(resnet18, photo, spec, explainer(resnet18))


@pytest.mark.parametrize("chunk", [5, 64])
@pytest.mark.parametrize("spec", ["decom-cam:components=8", "recipro-cam", "grad-cam"])
def test_several_pictures_at_once(
    inspector: Bundle, defect: Picture, explainer: Explainers, spec: str, chunk: int
) -> None:
    pictures = [defect, defect[::-1].copy(), defect[:, ::-1].copy()]
    on_cpu = camruntime.Explainer(Engine(inspector, ["cpu"]))
    expected = on_cpu.explain(pictures, spec, [3, 3, 3])
    found = explainer(inspector, chunk=chunk).explain(pictures, spec, [3, 3, 3])
    for one, other in zip(found, expected, strict=True):
        assert np.abs(one.raw - other.raw).max() <= CLOSE * np.ptp(other.raw)
