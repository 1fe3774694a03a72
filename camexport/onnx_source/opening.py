"""An ONNX file as it lies on the disk: whole, or why it is none, in one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import onnx
from onnx import inliner

from camexport.errors import UnknownModelError, UnsupportedError, one_line
from camexport.onnx_source.extent import refuse_too_large, refuse_too_many
from camexport.onnx_source.weights_beside import load_weights

_INPUTS_WITHOUT_INITIALIZERS = 4  # of IR: from here on an initializer need not be an input too

_OTHERS = (
    (
        0,
        b"version https://git-lfs",
        "a pointer of Git LFS: fetch the file with `git lfs pull`",
    ),
    (0, b"<", "a web page or XML: download the file itself"),
    (0, b"{", "JSON: give the .onnx file that it describes"),
    (4, b"ORTM", "in ONNX Runtime's own format: give the .onnx file that it was made from"),
    (4, b"TFL3", "a TensorFlow Lite model: convert it with tf2onnx"),
    (8, b'{"', "a file of safetensors, weights alone: export the network that they belong to"),
    (0, b"\x89HDF", "an HDF5 file, as of Keras: convert it with tf2onnx"),
    (0, b"PK\x03\x04", "a zip archive (PyTorch saves so, too): unpack it, or export the network"),
    (0, b"\x1f\x8b", "compressed by gzip: unpack it"),
    (0, b"BZh", "compressed by bzip2: unpack it"),
    (0, b"\xfd7zXZ", "compressed by xz: unpack it"),
    (0, b"\x28\xb5\x2f\xfd", "compressed by zstandard: unpack it"),
    (0, b"7z\xbc\xaf", "a 7z archive: unpack it"),
    (257, b"ustar", "a tar archive: unpack it"),
    (0, b"\x89PNG", "a picture: give the network"),
    (0, b"\xff\xd8\xff", "a picture: give the network"),
    (0, b"ptrt", "a TensorRT engine: give the .onnx file that it was made from"),
    (0, b"ftrt", "a TensorRT engine: give the .onnx file that it was made from"),
    (0, b"GGUF", "a language model: give an image classifier"),
    (0, b"\x80", "a pickle, as PyTorch saves: export the network with torch.onnx.export"),
)
"""What is found under the name of an ONNX file: where its mark lies, the mark, and what to do."""


def open_file(path: Path) -> onnx.ModelProto:
    """The model with all its weights; functions are inlined, and initializers are no inputs.

    Raises:
        UnknownModelError: there is no such file, or it is no ONNX; says what it is instead.
        UnsupportedError: weights that it keeps in other files cannot be had, it has no opset, or
            is larger than any classifier.
    """
    if not path.is_file():
        kind = "a directory" if path.is_dir() else "no file"
        raise UnknownModelError(f"{kind} {path}: expected the path of an ONNX classifier")
    _refuse_others(path)
    try:
        proto = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's errors share no base below Exception
        raise UnknownModelError(
            f"cannot read {path} as ONNX: it is no such file, or was cut off ({one_line(error)})"
        ) from error
    if not proto.graph.node:
        raise UnknownModelError(
            f"{path} holds no graph: expected an ONNX model, got {path.stat().st_size} bytes that "
            "are none; export the network again"
        )
    if not proto.opset_import:
        raise UnsupportedError(f"{path.name} says no opset of its operators: export it again")
    refuse_too_many(proto, path.name)
    load_weights(_tensors(proto), path)
    if proto.functions:
        proto = inliner.inline_local_functions(proto)
    _only_true_inputs(proto)
    refuse_too_large(proto, path.name)
    return proto


def _refuse_others(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(512)
    if not start.strip(b"\0 \t\r\n"):
        raise UnknownModelError(f"{path} is empty: expected an ONNX model; copy it again")
    for place, mark, what in _OTHERS:
        if start.startswith(mark, place) or start.lstrip().startswith(mark, place):
            raise UnknownModelError(f"{path} is no ONNX but {what}")


def _tensors(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """All that a file stores, wherever it does."""
    yield from _tensors_of(proto.graph)
    for function in proto.functions:
        yield from _tensors_in(function.node)


def _tensors_of(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _tensors_in(graph.node)


def _tensors_in(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for graph in (attribute.g, *attribute.graphs):
                yield from _tensors_of(graph)


def _only_true_inputs(proto: onnx.ModelProto) -> None:
    """As since IR version 4; and an extent that was stored as -1 or 0 is an open one."""
    stored = {tensor.name for tensor in proto.graph.initializer}
    inputs = [value for value in proto.graph.input if value.name not in stored]
    for value in inputs:
        for extent in value.type.tensor_type.shape.dim:
            if extent.HasField("dim_value") and extent.dim_value <= 0:
                extent.ClearField("dim_value")
    del proto.graph.input[:]
    proto.graph.input.extend(inputs)
    proto.ir_version = max(proto.ir_version, _INPUTS_WITHOUT_INITIALIZERS)
