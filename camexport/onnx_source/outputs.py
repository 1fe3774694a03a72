"""Which of a file's tensors holds the logits, and what the others are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import onnx
from onnx import TensorProto

from camexport.errors import OptionError, UnsupportedError
from camruntime.errors import nearest

Activation = Literal["softmax", "sigmoid"]

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)
_DECIDING = ("ArgMax", "ArgMin", "Hardmax", "NonMaxSuppression", "OneHot", "TopK", "ZipMap")
"""Operators behind which there are classes or boxes, and no logits any more."""
_CARRYING = (
    *("ArrayFeatureExtractor", "Cast", "Flatten", "Gather", "Identity", "LabelEncoder"),
    *("Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"),
)
ACTIVATIONS: dict[str, Activation] = {
    "Softmax": "softmax",
    "LogSoftmax": "softmax",
    "Sigmoid": "sigmoid",
}
_EXPECTED = "expected logits: floating point, (n, classes)"


def leave_one_output(proto: onnx.ModelProto, wanted: str | None, file: str) -> Activation | None:
    """Keep `wanted`, or the only output that can be the logits, and what it is computed from.

    Returns the softmax or sigmoid that the file has behind it; None where it has none.

    Raises:
        OptionError: no tensor of that name; several outputs that can be the logits; or the output
            is what was decided from logits, as by an ArgMax.
        UnsupportedError: no output can be the logits, as of a detector.
    """
    facts = _Facts(proto)
    if wanted is not None:
        if wanted not in facts.makers:
            raise OptionError(f"{file} has no tensor '{wanted}': {nearest(wanted, facts.makers)}")
        chosen = wanted
        _refuse(facts, chosen, file, any_rank=True)  # the trace looks at what was named
    else:
        chosen = _only_one(facts, [value.name for value in proto.graph.output], file)
    nodes = facts.needed(chosen)
    read = {name for node in nodes for name in node.input} | facts.captured(nodes)
    value = facts.values.get(chosen) or onnx.ValueInfoProto(name=chosen)
    for field, kept in (
        (proto.graph.node, nodes),
        (proto.graph.output, [value]),
        (proto.graph.initializer, [one for one in proto.graph.initializer if one.name in read]),
        (proto.graph.input, [one for one in proto.graph.input if one.name in read]),
    ):
        copies = list(kept)
        del field[:]
        field.extend(copies)
    return facts.activation_behind(chosen)


def _only_one(facts: _Facts, names: list[str], file: str) -> str:
    if len(names) == 1:
        _refuse(facts, names[0], file)
        return names[0]
    possible = [name for name in names if facts.obstacle(name) is None]
    if len({facts.before_activation(name) for name in possible}) == 1 and all(
        facts.known(name) for name in possible
    ):
        return possible[0]
    listed = "; ".join(facts.told(name) for name in names)
    detects = " and NonMaxSuppression, so it is a detector" if facts.detects else ""
    if possible:
        raise OptionError(
            f"{file} has {len(names)} outputs{detects}: say --output with the one that holds the "
            f"logits, or with another tensor: {listed}"
        )
    hints = [hint for hint in map(facts.hint, names) if hint]
    raise UnsupportedError(
        f"{file} has {len(names)} outputs{detects}, none of them logits ({listed}); {_EXPECTED}; "
        f"{hints[0] if hints else 'give a classifier, or name a tensor inside it with --output'}"
    )


def _refuse(facts: _Facts, name: str, file: str, any_rank: bool = False) -> None:
    obstacle = facts.obstacle(name, any_rank)
    if obstacle is not None:
        hint = facts.hint(name) or "name the tensor that holds them with --output"
        raise UnsupportedError(f"{file} gives {facts.told(name)}{obstacle}: {_EXPECTED}; {hint}")


class _Facts:
    """What is known of a model's tensors: who makes them, their types and shapes."""

    def __init__(self, proto: onnx.ModelProto) -> None:
        graph = _inferred(proto).graph
        self.values = {
            value.name: value for value in (*graph.input, *graph.value_info, *graph.output)
        }
        self.nodes = list(proto.graph.node)
        self.makers: Mapping[str, onnx.NodeProto] = {
            name: node for node in self.nodes for name in node.output if name
        }
        self.detects = any(node.op_type == "NonMaxSuppression" for node in self.nodes)

    def needed(self, name: str) -> list[onnx.NodeProto]:
        """The nodes that a tensor is computed from, in the file's order."""
        found: set[int] = set()
        waiting = [name]
        while waiting:
            node = self.makers.get(waiting.pop())
            if node is not None and id(node) not in found:
                found.add(id(node))
                waiting += [*node.input, *self.captured([node])]
        return [node for node in self.nodes if id(node) in found]

    def captured(self, nodes: Iterable[onnx.NodeProto]) -> set[str]:
        """Names that the branches and bodies inside nodes read; some of them are their own."""
        inner = [
            one
            for node in nodes
            for attribute in node.attribute
            for graph in (attribute.g, *attribute.graphs)
            for one in graph.node
        ]
        found = {name for node in inner for name in node.input}
        return found | self.captured(inner) if inner else found

    def before_activation(self, name: str) -> str:
        """The tensor that a final softmax or sigmoid reads; `name` where there is none."""
        node = self.makers.get(name)
        while node is not None and node.op_type == "Identity":
            node = self.makers.get(node.input[0])
        return node.input[0] if node is not None and node.op_type in ACTIVATIONS else name

    def activation_behind(self, name: str) -> Activation | None:
        """The softmax or sigmoid that reads a tensor; None where there is none."""
        readers = (node for node in self.nodes if name in node.input)
        known = (ACTIVATIONS.get(node.op_type) for node in readers)
        return next((kind for kind in known if kind is not None), None)

    def shape(self, name: str) -> list[int | str] | None:
        """Of a tensor; None where it is not known or there is no tensor."""
        kind = self._kind(name)
        if kind is None or not kind.HasField("shape"):
            return None
        return [
            one.dim_value if one.HasField("dim_value") else one.dim_param or "?"
            for one in kind.shape.dim
        ]

    def known(self, name: str) -> bool:
        """Whether the shape is."""
        return self.shape(name) is not None

    def told(self, name: str) -> str:
        """Its name, element type and shape."""
        kind, shape = self._kind(name), self.shape(name)
        if self._is_no_tensor(name):
            return f"{name}: no tensor but a sequence or map"
        element = TensorProto.DataType.Name(kind.elem_type).lower() if kind else "unknown type"
        element = {"float": "float32", "double": "float64"}.get(element, element)
        # Exporters write whole formulas where they do not know an extent.
        short = [one if isinstance(one, int) or one.isidentifier() else "?" for one in shape or ()]
        extents = "of unknown shape" if shape is None else f"({', '.join(map(str, short))})"
        return f"{name}: {element} {extents}"

    def obstacle(self, name: str, any_rank: bool = False) -> str | None:
        """Why a tensor cannot be the logits; None where it can."""
        node = self._decided(name)
        if node is not None:
            return f", made by {node.op_type}"
        kind, shape = self._kind(name), self.shape(name)
        if self._is_no_tensor(name):
            return ""
        if kind is not None and kind.elem_type and kind.elem_type not in _FLOATS:
            return ""
        if any_rank or shape is None or len(shape) in (1, 2):
            return None
        if len(shape) == 4 and not any(isinstance(one, int) and one != 1 for one in shape[2:]):
            return None
        return ", as of detectors, segmentation and sequences" if len(shape) > 2 else ""

    def hint(self, name: str) -> str | None:
        """What to give instead of what was decided from logits."""
        node = self._decided(name)
        if node is None or node.op_type == "NonMaxSuppression":
            return None
        return f"say --output {self.before_activation(node.input[0])}, which {node.op_type} reads"

    def _decided(self, name: str) -> onnx.NodeProto | None:
        node = self.makers.get(name)
        while node is not None and node.op_type in _CARRYING:
            place = 1 if node.op_type in ("ArrayFeatureExtractor", "Gather") else 0
            behind = [self.makers.get(one) for one in (node.input[place], node.input[0])]
            node = next((one for one in behind if one and one.op_type != "Constant"), None)
        return node if node is not None and node.op_type in _DECIDING else None

    def _is_no_tensor(self, name: str) -> bool:
        value = self.values.get(name)
        return value is not None and value.type.WhichOneof("value") not in (None, "tensor_type")

    def _kind(self, name: str) -> onnx.TypeProto.Tensor | None:
        value = self.values.get(name)
        if value is None or not value.type.HasField("tensor_type"):
            return None
        kind: onnx.TypeProto.Tensor = value.type.tensor_type
        return kind


def _inferred(proto: onnx.ModelProto) -> onnx.ModelProto:
    try:
        return onnx.shape_inference.infer_shapes(proto)
    except Exception:  # it only tells more than the file does; whatever it raises, the file is read
        return proto
