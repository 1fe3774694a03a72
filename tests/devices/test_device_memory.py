"""What lies on a device stays there: only small inputs go to it, and logits come back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from camruntime.bundle import Bundle
from camruntime.engine import DeviceValue, Engine, OnnxGraphs
from camruntime.engine.engine import Array
from camruntime.engine.kinds import kind_of
from camruntime.maps import FloatArray, bilinear
from camruntime.pictures import Picture
from explainers import Explainers

MASKS = np.random.default_rng(1).random((12, 16, 16), np.float32)
PERTURBED = {"mask_images", "occlude_images", "mask_activations", "head", "tail"}


def test_results_lie_where_the_provider_computes(inspector: Bundle, device: str) -> None:
    engine = Engine(inspector, [device])
    image = np.random.default_rng(0).normal(0, 1, (2, 3, 128, 128)).astype(np.float32)
    there = [engine.upload(image), *engine.run("head", {"image": image})]
    there += engine.run("tail", {"activations": there[-1]})
    memory = kind_of(engine.provider).memory
    tensors: list[Any] = [value.tensor for value in there]
    assert {tensor.device_name() for tensor in tensors} == {memory}
    assert memory != "cpu"
    assert there[-1].numpy().shape == (2, 5)


@pytest.mark.parametrize("spec", ["score-cam", "decom-cam", "recipro-cam:mask=gaussian"])
def test_no_node_of_a_perturbation_copies_between_device_and_host(
    inspector: Bundle, defect: Picture, explainer: Explainers, tmp_path: Path, spec: str
) -> None:
    made = explainer(inspector, profile=tmp_path)
    made.explain(defect, spec)
    nodes: Counter[tuple[str, str]] = Counter()
    for file in made._engine.end_profiling():
        graph = file.name.rsplit("_", 2)[0].rstrip("0123456789-_")
        for event in json.loads(file.read_text()):
            if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
                args = event["args"]
                nodes[graph, f"{args['op_name']} {args['provider']}"] += 1
    seen = {graph for graph, _ in nodes} & PERTURBED
    assert seen >= {"head", "tail"}
    copies = {node: count for node, count in nodes.items() if "Memcpy" in node[1]}
    assert not [graph for graph, _ in copies if graph in PERTURBED], copies


def test_masks_go_to_the_device_and_logits_come_back(
    inspector: Bundle, explainer: Explainers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in values: of 12 masked images 128 x 128, not one crosses the bus."""
    graphs = explainer(inspector, chunk=4).graphs()
    engine, image = graphs.engine, np.zeros((1, 3, 128, 128), np.float32)
    run, numpy = engine.run, DeviceValue.numpy
    sent: list[int] = []
    read: list[int] = []

    def counted(graph: str, inputs: Mapping[str, Array | DeviceValue]) -> tuple[DeviceValue, ...]:
        sent.extend(each.size for each in inputs.values() if isinstance(each, np.ndarray))
        return run(graph, inputs)

    def read_back(self: DeviceValue) -> FloatArray:
        found = numpy(self)
        read.append(found.size)
        return found

    monkeypatch.setattr(engine, "run", counted)
    monkeypatch.setattr(DeviceValue, "numpy", read_back)
    graphs.logits_of_masked_images(image, MASKS, bilinear((16, 16), (128, 128)))
    assert sent == [4 * 16 * 16] * 3
    assert read == [4 * 5] * 3


def test_a_chunk_that_is_too_large_for_the_device_is_halved_or_computed(
    inspector: Bundle, device: str, explainer: Explainers
) -> None:
    """WebGPU binds at most 128 MiB of llvmpipe's: 384 images make a tensor of more than that."""
    graphs = explainer(inspector, chunk=384).graphs()
    assert isinstance(graphs, OnnxGraphs)
    images = np.random.default_rng(2).normal(0, 1, (1, 3, 128, 128)).astype(np.float32)
    many = np.repeat(images, 384, axis=0)
    expected = OnnxGraphs(Engine(inspector, ["cpu"])).logits(images)[0]
    if device == "webgpu":
        with pytest.warns(match="from now on 192 copies of images at once"):
            found = graphs.logits(many)
    else:
        found = graphs.logits(many)
    assert found.shape == (384, 5)
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=1e-4)
