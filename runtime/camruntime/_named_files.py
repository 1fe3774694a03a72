"""Which files a graph names: all that it may have are those that are handed over in memory.

ONNX Runtime looks up the weights of the main graph in what it was given, but reads those of
branches and of attributes from the disk, from wherever the process happens to be. So a graph is
looked through before it is opened. Its bytes are in protobuf's format: as much as is needed of it
is read here.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import TypeAlias

_Fields: TypeAlias = Iterator[tuple[int, memoryview]]

_DEPTH = 100  # messages in messages; protobuf reads no more
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_LOCATION = b"location"

# Messages of ONNX's onnx.proto: fields by number that hold messages, of those that lead to tensors.
_TREE: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "branch", 2: "branch"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "weights", 15: "sparse"},
    "branch": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "branch",
        10: "tensor",
        11: "branch",
        22: "sparse",
        23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "weights": {13: "entry"},
    "tensor": {13: "entry"},
}
_OPERATOR = 4  # field of a node: which operator it is
_CONTEXT = b"EPContext"  # names a file of a provider's own


def require_own_files(graph: bytes, given: Container[str]) -> None:
    """Refuse a graph that names other files than those `given`, or names them elsewhere.

    Raises:
        ValueError: says what it names; or it is no ONNX.
    """
    for kind, location in _named(memoryview(graph), "model", 0):
        if kind != "weights" or location not in given:
            raise ValueError(f"names the file {location!r:.200}, which is not read")


def _named(data: memoryview, kind: str, depth: int) -> Iterator[tuple[str, str]]:
    """Paths in a message, each with the kind of tensor that names it."""
    if depth > _DEPTH:
        raise ValueError("is nested too deep")
    inner = _TREE[kind]
    for number, value in _fields(data):
        if kind == "node" and number == _OPERATOR and value == _CONTEXT:
            raise ValueError(f"has the operator {_CONTEXT.decode()}, which reads files of its own")
        if inner.get(number) == "entry":
            entry = [*_fields(value)]
            if any(part == _LOCATION for place, part in entry if place == 1):
                yield kind, b"".join(part for place, part in entry if place == 2).decode("latin-1")
        elif number in inner:
            yield from _named(value, inner[number], depth + 1)


def _fields(data: memoryview) -> _Fields:
    """Number and content of all fields of a message that hold bytes."""
    at = 0
    while at < len(data):
        tag, at = _number(data, at)
        kind, size = tag & 7, 0
        if kind == _VARINT:
            _, at = _number(data, at)
        elif kind == _BYTES:
            size, at = _number(data, at)
            yield tag >> 3, data[at : at + size]
        elif kind in (_FOUR, _EIGHT):
            size = 4 if kind == _FOUR else 8
        else:
            raise ValueError("is no ONNX")
        at += size
        if at > len(data) or tag >> 32:
            raise ValueError("is no ONNX")


def _number(data: memoryview, at: int) -> tuple[int, int]:
    """A number of variable length, and where the next byte is."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("is no ONNX")
