"""An ONNX file as it lies on the disk: whole, or why it is none, in one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import external_data_helper as external
from onnx import inliner

from camexport.errors import UnknownModelError, UnsupportedError, one_line

_GRAPHS = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
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
        UnsupportedError: weights that it keeps in other files are missing.
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
    if not proto.graph.node or not proto.opset_import:
        raise UnknownModelError(
            f"{path} holds no graph: expected an ONNX model, got {path.stat().st_size} bytes that "
            "are none; export the network again"
        )
    _load_weights(proto, path)
    if proto.functions:
        proto = inliner.inline_local_functions(proto)
    _only_true_inputs(proto)
    return proto


def _refuse_others(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(512)
    if not start.strip(b"\0 \t\r\n"):
        raise UnknownModelError(f"{path} is empty: expected an ONNX model; copy it again")
    for place, mark, what in _OTHERS:
        if start.startswith(mark, place) or start.lstrip().startswith(mark, place):
            raise UnknownModelError(f"{path} is no ONNX but {what}")


def _load_weights(proto: onnx.ModelProto, path: Path) -> None:
    """Those in files beside it, checked first: ONNX's own text names neither file nor remedy."""
    for tensor in _tensors(proto.graph):
        if not external.uses_external_data(tensor):
            continue
        info = {entry.key: entry.value for entry in tensor.external_data}
        location = info.get("location", "")
        data = path.parent / location
        if not data.is_file():
            raise UnsupportedError(
                f"{path.name} keeps its weights in {location}, which is not beside it: copy "
                f"it into {path.parent}"
            )
        needed = int(info.get("offset", 0)) + int(info.get("length", 0))
        if data.stat().st_size < needed:
            raise UnsupportedError(
                f"{path.name} needs at least {needed} bytes of weights in {location}, which "
                f"has {data.stat().st_size}: copy or fetch it again"
            )
    try:
        external.load_external_data_for_model(proto, str(path.parent))
    except Exception as error:  # paths outside the folder, links, ...: ONNX's checks
        raise UnsupportedError(
            f"{path.name} keeps weights in another file, which cannot be read: {one_line(error)}"
        ) from error


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                yield attribute.t
            elif attribute.type in _GRAPHS:
                for inner in (attribute.g, *attribute.graphs):
                    yield from _tensors(inner)


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
