"""Maps that ask no network."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import camruntime
from camruntime.errors import MethodError
from camruntime.graphs import Forward
from camruntime.maps import FloatArray
from camruntime.methods import BASELINES, METHODS, make_method, spec_of
from conftest import INSPECTOR
from numpy_graphs import NumpyGraphs


def _map(spec: str, graphs: NumpyGraphs, forward: Forward, targets: list[int]) -> FloatArray:
    return make_method(spec)(graphs, forward, targets).raw


def test_baselines_are_known_beside_methods_and_are_none(numpy_graphs: NumpyGraphs) -> None:
    assert set(BASELINES) == {"centre-gaussian", "uniform", "random", "edges"}
    assert not BASELINES.keys() & METHODS.keys()
    for name in BASELINES:
        assert spec_of(make_method(name)) == name


def test_centre_gaussian(numpy_graphs: NumpyGraphs, image: FloatArray) -> None:
    """8 x 12 pixels, a sigma of 2 and 3 of them: at one sigma from the middle exp(-1/2)."""
    forward = numpy_graphs.forward(image)
    (found,) = _map("centre-gaussian", numpy_graphs, forward, [1])
    assert found.shape == (8, 12)
    rows = np.exp(-((np.arange(8) - 3.5) ** 2) / (2 * 2**2))
    columns = np.exp(-((np.arange(12) - 5.5) ** 2) / (2 * 3**2))
    np.testing.assert_allclose(found, rows[:, None] * columns, rtol=1e-5)
    assert numpy_graphs.calls == 0


def test_random_depends_on_picture_target_and_seed(
    numpy_graphs: NumpyGraphs, image: FloatArray
) -> None:
    forward, other = numpy_graphs.forward(image), numpy_graphs.forward(image + 1)
    found = _map("random", numpy_graphs, forward, [0, 1])
    assert found.shape == (2, 4, 6)
    assert not np.array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[::-1], _map("random", numpy_graphs, forward, [1, 0]))
    assert not np.array_equal(found, _map("random", numpy_graphs, other, [0, 1]))
    assert not np.array_equal(found, _map("random:seed=1", numpy_graphs, forward, [0, 1]))
    assert _map("random", numpy_graphs, forward, []).shape == (0, 4, 6)


def test_edges_are_blurred(numpy_graphs: NumpyGraphs, image: FloatArray) -> None:
    """The graphs of these tests take the red channel for edges."""
    forward = numpy_graphs.forward(image)
    red = forward.normalisation.pixels(image)[0, 0]
    (sharp,) = _map("edges:sigma=0", numpy_graphs, forward, [2])
    np.testing.assert_array_equal(sharp, red)
    (soft,) = _map("edges:sigma=0.125", numpy_graphs, forward, [2])
    expected = cv2.GaussianBlur(red, (9, 9), 1, borderType=cv2.BORDER_REFLECT)
    np.testing.assert_allclose(soft, expected, atol=1e-6)


def test_uniform_is_flat(numpy_graphs: NumpyGraphs, image: FloatArray) -> None:
    found = _map("uniform", numpy_graphs, numpy_graphs.forward(image), [0, 2])
    np.testing.assert_array_equal(found, np.ones((2, 4, 6)))


@pytest.mark.parametrize("spec", ["centre-gaussian:sigma=0.0", "edges:sigma=-1"])
def test_widths_that_cannot_be(numpy_graphs: NumpyGraphs, image: FloatArray, spec: str) -> None:
    with pytest.raises(MethodError, match=r"sigma is"):
        _map(spec, numpy_graphs, numpy_graphs.forward(image), [0])


def test_a_contrasts_noise_is_its_own_whatever_it_is_asked_for_with(samples: list[Path]) -> None:
    explainer = camruntime.load(INSPECTOR, ["cpu"])
    targets = ["crack-hole", "crack-good", "hole"]
    together = explainer.explain(samples[0], "random", targets)
    for one, target in zip(together, targets, strict=True):
        alone = explainer.explain(samples[0], "random", target)
        np.testing.assert_array_equal(one.raw, alone.raw)
    assert np.abs(together[0].raw - together[1].raw).max() > 0.5
