"""Names that a file gives its nodes and tensors, and what the layers are called after them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import helper

from camexport.build import BuildOptions, build_bundle
from camexport.errors import OptionError
from camexport.onnx_source import read_network
from onnx_text import uniform


def _chain(path: Path, names: list[tuple[str, str]]) -> Path:
    """Convolutions behind one another, `(node, tensor)` each, and a pooling to logits."""
    make = helper.make_node
    inputs = ["x", *(tensor for _, tensor in names)]
    nodes = [
        make("Conv", [source, f"weight {index}"], [tensor], node, pads=[1, 1, 1, 1])
        for index, (source, (node, tensor)) in enumerate(zip(inputs, names, strict=False))
    ]
    nodes.append(make("GlobalAveragePool", [inputs[-1]], ["p o o l"], "mean"))
    nodes.append(make("Flatten", ["p o o l"], ["logits"], ""))
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["n", 3])],
        [
            onnx.numpy_helper.from_array(uniform(3, 3, 3, 3, seed=index), f"weight {index}")
            for index in range(len(names))
        ],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path
    )
    return path


ATTRIBUTES = (
    *("output", "size", "training", "float", "type", "image", "forward", "aliases", "for_one"),
    *("state_dict", "graph", "meta", "code", "lambda", "class", "_steps", "T_destination"),
)
ALIKE = ("a.b", "a_b", "a/b", "/a/b", "a_b_2", "a:b", "a b", "ä", "[/b]", "__init__", "3", "3.5")


@pytest.mark.parametrize("names", [ATTRIBUTES, ALIKE], ids=["attributes", "alike"])
def test_any_names_read_and_built(tmp_path: Path, names: tuple[str, ...]) -> None:
    path = _chain(tmp_path / "c.onnx", [("", name) for name in names])
    network = read_network(path, None)
    paths = [network.aliases[name] for name in names]
    assert len({one for (one,) in paths}) == len(names)
    images = uniform(2, 3, 8, 8)
    (expected,) = ort.InferenceSession(str(path)).run(None, {"x": images})
    found = network(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())
    # The first but one, by the file's own name for it.
    options = BuildOptions(model=str(path), layer=names[1], out=tmp_path / "b")
    manifest = build_bundle(options).bundle.manifest
    assert (manifest.layer.name,) == paths[1]
    head = ort.InferenceSession(str(tmp_path / "b" / "head.onnx"))
    (activations,) = head.run(None, {"image": images})
    inside = onnx.load(path)
    inside.graph.output.append(onnx.ValueInfoProto(name=names[1]))
    (own,) = ort.InferenceSession(inside.SerializeToString()).run([names[1]], {"x": images})
    np.testing.assert_allclose(activations, own, rtol=1e-4, atol=1e-6 * np.abs(own).max())


def test_names_stay_readable(tmp_path: Path) -> None:
    path = _chain(tmp_path / "c.onnx", [("", "output"), ("", "/layer1/conv/Conv_output_0")])
    aliases = read_network(path, None).aliases
    assert aliases["output"] == ("output_2",)
    assert aliases["/layer1/conv/Conv_output_0"] == ("layer1/conv/Conv_output_0",)


def test_a_name_of_two_nodes_is_refused_and_what_is_listed_is_not(tmp_path: Path) -> None:
    path = _chain(tmp_path / "c.onnx", [("second", "first"), ("", "second"), ("", "third")])
    aliases = read_network(path, None).aliases
    assert aliases["second"] == ("first", "second_2")
    said = "calls 2 nodes or tensors 'second': say --layer with first or second_2"
    with pytest.raises(OptionError, match=said):
        build_bundle(BuildOptions(model=str(path), layer="second", out=tmp_path / "b"))
    options = BuildOptions(model=str(path), layer="second_2", gradient=False, out=tmp_path / "b")
    assert build_bundle(options).bundle.manifest.layer.name == "second_2"
