"""What counts as the same map, and that a bundle whose maps are others is refused."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from camexport.build import BuildOptions, build_bundle
from camexport.errors import FidelityError
from camexport.precision import is_faithful
from camexport.precision.fidelity import Inputs, check_fidelity, correlation, measure_fidelity
from camruntime.bundle import Bundle, Fidelity, digest_file
from camruntime.engine import Engine
from camruntime.maps import FloatArray
from onnx_text import Array, uniform

GOOD = Fidelity(
    method="recipro-cam", inputs="pictures", images=100, mean=0.9999, worst=0.999, same_top=0.99
)


def test_correlation_is_numpys() -> None:
    one, other = uniform(5, 7), uniform(5, 7, seed=1)
    wanted = np.corrcoef(one.ravel(), other.ravel())[0, 1]
    assert correlation(one, other) == pytest.approx(wanted)
    assert correlation(one, 3 * one + 1) == pytest.approx(1)
    assert correlation(one, -one) == pytest.approx(-1)


def test_a_flat_map_is_like_another_flat_one_only() -> None:
    flat, map_ = np.full((4, 4), 0.3, np.float32), uniform(4, 4)
    assert correlation(flat, 2 * flat) == 1
    assert correlation(flat, map_) == correlation(map_, flat) == 0


@pytest.mark.parametrize(
    "change",
    [{"worst": 0.9989}, {"same_top": 0.98}, {"worst": float("nan")}],
)
@pytest.mark.parametrize(
    ("precision", "inputs", "advice"),
    [
        ("int8", "pictures", "calibrate on more pictures"),
        ("fp16", "pictures", "kept: build with --precision float32"),
        ("fp16", "noise", "say --calibrate FOLDER"),
    ],
)
def test_each_limit_counts_and_the_error_says_what_to_do(
    change: dict[str, Any], precision: str, inputs: Inputs, advice: str
) -> None:
    check_fidelity([GOOD, GOOD], precision)
    bad = dataclasses.replace(GOOD, method="score-cam", inputs=inputs, **change)
    assert not is_faithful(bad)
    with pytest.raises(FidelityError, match=rf"{precision} .*float32: score-cam .*{advice}"):
        check_fidelity([GOOD, bad], precision)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("plain")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(Path(__file__).parent)
        options = BuildOptions(model="networks:plain", size=(32, 32), out=folder / "b")
        return build_bundle(options).bundle


def _with_kernel(bundle: Bundle, folder: Path, change: Callable[[Array], Array]) -> Bundle:
    """A copy whose convolution has another kernel."""
    shutil.copytree(bundle.folder, folder / "other")
    path = folder / "other" / "head.onnx"
    model = onnx.load(path)
    (kernel,) = [one for one in model.graph.initializer if len(one.dims) == 4]
    values = onnx.numpy_helper.to_array(kernel)
    kernel.CopyFrom(onnx.numpy_helper.from_array(np.array(change(values)), kernel.name))
    onnx.save(model, path)
    head = dataclasses.replace(bundle.graph("head"), sha256=digest_file(path))
    graphs = {**bundle.manifest.graphs, "head": head}
    return Bundle(path.parent, dataclasses.replace(bundle.manifest, graphs=graphs))


def _without(bundle: Bundle, name: str) -> Bundle:
    gone = (name, f"head_{name}")  # cells are there in both ways, or in none
    graphs = {one: graph for one, graph in bundle.manifest.graphs.items() if one not in gone}
    return Bundle(bundle.folder, dataclasses.replace(bundle.manifest, graphs=graphs))


def _images(count: int) -> Sequence[FloatArray]:
    return [uniform(1, 3, 32, 32, low=-2, high=2, seed=seed) for seed in range(count)]


def test_a_bundle_is_like_itself(plain: Bundle) -> None:
    engine = Engine(plain, ["cpu"])
    measured = measure_fidelity(engine, engine, _images(3), "noise")
    assert {one.method: one.images for one in measured} == {
        "recipro-cam": 3,
        "grad-cam": 3,
        "score-cam": 3,
    }
    assert all(one.worst == pytest.approx(1) and one.same_top == 1 for one in measured)


def test_no_method_is_measured_on_more_images_than_it_may_cost(
    plain: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("camexport.precision.fidelity._PASSES", 24)  # of 8 channels
    monkeypatch.setattr("camexport.precision.fidelity._TAILS", 600)  # of 16 x 16 cells
    engine = Engine(_without(plain, "cells"), ["cpu"])
    for images, judged in ((4, (2, 3, 4)), (1, (1, 1, 1))):
        measured = measure_fidelity(engine, engine, _images(images), "noise")
        counts = {one.method: one.images for one in measured}
        methods = ("recipro-cam", "score-cam", "grad-cam")
        assert counts == dict(zip(methods, judged, strict=True))


def test_maps_without_a_gradient_are_two(plain: Bundle) -> None:
    engine = Engine(_without(plain, "gradient"), ["cpu"])
    measured = measure_fidelity(engine, engine, _images(1), "noise")
    assert [one.method for one in measured] == ["recipro-cam", "score-cam"]


def test_another_network_is_not_like_it(plain: Bundle, tmp_path: Path) -> None:
    """Channels in reverse order: the activations are as large, and mean something else."""
    other = _with_kernel(plain, tmp_path, lambda kernel: kernel[::-1])
    engines = Engine(plain, ["cpu"]), Engine(other, ["cpu"])
    for one in measure_fidelity(*engines, _images(4), "noise"):
        assert one.worst < 0.99
        assert one.worst < one.mean < 0.999


def test_infinity_is_named(plain: Bundle, tmp_path: Path) -> None:
    other = _with_kernel(plain, tmp_path, lambda kernel: kernel * np.float32(np.inf))
    engines = Engine(plain, ["cpu"]), Engine(other, ["cpu"])
    with pytest.raises(FidelityError, match=r"NaN or infinity, .* --precision float32"):
        measure_fidelity(*engines, _images(1), "noise")
