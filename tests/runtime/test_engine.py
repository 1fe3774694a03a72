"""Providers, sessions and chunks, on the CPU."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from camruntime.bundle import open_bundle
from camruntime.engine import Engine, OnnxGraphs
from camruntime.errors import NonFiniteError, ProviderError
from camruntime.graphs import Graphs, LayerOutput
from camruntime.maps import FloatArray, bilinear
from manifests import edit_manifest, setting


@pytest.fixture
def engine(inspector: Path) -> Engine:
    return Engine(open_bundle(inspector), ["cpu"], threads=1)


@pytest.fixture
def image() -> FloatArray:
    return np.random.default_rng(0).normal(0, 1, (1, 3, 128, 128)).astype(np.float32)


def test_named_providers(inspector: Path) -> None:
    bundle = open_bundle(inspector)
    assert Engine(bundle, ["CPUExecutionProvider"]).provider == "CPUExecutionProvider"
    assert Engine(bundle, [("cpu", {})]).provider == "CPUExecutionProvider"
    assert Engine(bundle).provider in ("CPUExecutionProvider", "CUDAExecutionProvider")


@pytest.mark.parametrize("name", ["CPUExecutionProvidr", "rocm"])
def test_an_unknown_provider_is_an_error(inspector: Path, name: str) -> None:
    with pytest.raises(ProviderError, match=f"{name} is not part of the installed ONNX Runtime"):
        Engine(open_bundle(inspector), [name])


def test_no_provider_at_all_is_an_error(inspector: Path) -> None:
    with pytest.raises(ProviderError, match=r"no provider was named; known: .*CPUExecution"):
        Engine(open_bundle(inspector), [])


def test_cuda_by_name_never_falls_back_in_silence(inspector: Path) -> None:
    """On a machine with a working GPU it opens; on any other it is an error."""
    if Engine(open_bundle(inspector)).provider == "CUDAExecutionProvider":
        assert Engine(open_bundle(inspector), ["cuda"]).provider == "CUDAExecutionProvider"
        return
    with pytest.raises(ProviderError, match="CUDAExecutionProvider"):
        Engine(open_bundle(inspector), ["cuda"])


def test_a_session_is_opened_when_needed_and_once(engine: Engine, image: FloatArray) -> None:
    opened = engine._sessions._open
    assert not opened
    (first,) = engine.run("head", {"image": image})
    ((name, session),) = opened.items()
    assert name == "head"
    (second,) = engine.run("head", {"image": engine.upload(image)})
    assert opened == {name: session}
    np.testing.assert_array_equal(first.numpy(), second.numpy())


def test_masked_images_equal_masking_by_hand(engine: Engine, image: FloatArray) -> None:
    masks = np.random.default_rng(1).random((5, 16, 16), np.float32)
    upsampling = bilinear((16, 16), (128, 128))
    found = OnnxGraphs(engine, chunk=2).logits_of_masked_images(image, masks, upsampling)
    (head,) = engine.run("head", {"image": image * upsampling(masks)[:, None]})
    (logits,) = engine.run("tail", {"activations": head})
    np.testing.assert_allclose(found, logits.numpy(), atol=1e-5)


def test_masked_activations_equal_masking_by_hand(engine: Engine, image: FloatArray) -> None:
    graphs = OnnxGraphs(engine, chunk=3)
    layer = graphs.forward(image).layer
    masks = np.random.default_rng(1).random((7, 16, 16), np.float32)
    found = graphs.logits_of_masked_activations(layer, masks)
    (logits,) = engine.run("tail", {"activations": layer.activations * masks[:, None]})
    np.testing.assert_allclose(found, logits.numpy(), atol=1e-5)


@pytest.mark.parametrize("chunk", [1, 3, 64])
def test_progress_counts_every_copy_to_the_end(
    engine: Engine, image: FloatArray, chunk: int
) -> None:
    told: list[tuple[int, int]] = []
    graphs: Graphs = OnnxGraphs(engine, chunk, progress=lambda *step: told.append(step))
    activations = LayerOutput(np.zeros((1, 96, 16, 16), np.float32))
    graphs.logits_of_masked_activations(activations, np.zeros((8, 16, 16), np.float32))
    assert told == [(min(done, 8), 8) for done in range(chunk, 8 + chunk, chunk)]


def test_an_answer_that_is_not_a_number_is_an_error(engine: Engine, image: FloatArray) -> None:
    image[0, 0, 5, 5] = np.nan
    with pytest.raises(NonFiniteError, match="'inspector' answered NaN"):
        OnnxGraphs(engine).forward(image)


def test_a_gradient_s_weights_are_not_copied(inspector: Path) -> None:
    engine = Engine(open_bundle(inspector), ["cpu"])
    layer = np.zeros((1, *engine.bundle.manifest.layer.shape), np.float32)
    engine.run("tail", {"activations": layer})
    engine.run("gradient", {"activations": layer, "targets": np.zeros(1, np.int64)})
    key, opened = "session.disable_prepacking", engine._sessions._open
    found = {name: session.get_session_options() for name, session in opened.items()}
    assert found["gradient"].get_session_config_entry(key) == "1"
    with pytest.raises(RuntimeError, match=key):
        found["tail"].get_session_config_entry(key)


def test_a_gradient_is_known_by_its_name_and_not_by_its_file(
    inspector: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(inspector, tmp_path / "renamed"))
    for graph, file in (("gradient", "backward.onnx"), ("tail", "gradient.onnx")):
        (folder / f"{graph}.onnx").rename(folder / file)
        edit_manifest(folder, setting("graphs", graph, "file", to=file))
    engine = Engine(open_bundle(folder), ["cpu"])
    layer = np.zeros((1, *engine.bundle.manifest.layer.shape), np.float32)
    engine.run("tail", {"activations": layer})
    engine.run("gradient", {"activations": layer, "targets": np.zeros(1, np.int64)})
    key, opened = "session.disable_prepacking", engine._sessions._open
    options = {name: session.get_session_options() for name, session in opened.items()}
    assert options["gradient"].get_session_config_entry(key) == "1"
    with pytest.raises(RuntimeError, match=key):
        options["tail"].get_session_config_entry(key)


def test_no_memory_is_planned_beside_what_the_first_run_took(
    engine: Engine, image: FloatArray
) -> None:
    engine.run("head", {"image": image})
    (session,) = engine._sessions._open.values()
    assert not session.get_session_options().enable_mem_pattern
