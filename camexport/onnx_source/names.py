"""What the modules are called: after the file's tensors, but each once and as PyTorch allows.

A file's names may hold any character, be those of `nn.Module`'s own attributes, or be told apart by
a dot alone; and a node may be called what another one's tensor is called.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, count

import onnx_ir as ir
from torch import fx, nn

_ODD = re.compile(r"[^0-9A-Za-z_/:-]+")
_RESERVED = {
    *dir(fx.GraphModule(nn.Module(), fx.Graph())),
    *keyword.kwlist,
    *keyword.softkwlist,
}
"""A traced network has these names already, or they are none in the code that is made of it."""


def module_paths(nodes: Sequence[ir.Node], taken: Iterable[str]) -> list[str]:
    """A path for each node, after the first tensor that it makes; none is in `taken`.

    No two are alike, even with underscores for slashes, and none is another node's own name or a
    tensor of it: what `camexport layers` prints means one thing.
    """
    meaning = names_in_file(nodes)
    used = {_plain(name) for name in (*taken, *_RESERVED)}
    # First those that can stay as they are, so that no other one takes their place.
    exact = [_readable(node, index) in _names(node) for index, node in enumerate(nodes)]
    order = sorted(range(len(nodes)), key=lambda index: not exact[index])
    paths = [""] * len(nodes)
    for index in order:
        for path in _candidates(_readable(nodes[index], index)):
            if _plain(path) not in used and meaning.get(path, {index}) == {index}:
                paths[index] = path
                used.add(_plain(path))
                break
    return paths


def names_in_file(nodes: Sequence[ir.Node]) -> Mapping[str, set[int]]:
    """Every name of a node or a tensor, and the positions of the nodes that it may mean."""
    found: dict[str, set[int]] = {}
    for index, node in enumerate(nodes):
        for name in _names(node):
            found.setdefault(name, set()).add(index)
    return found


def _names(node: ir.Node) -> list[str]:
    return [name for name in (node.name, *(value.name for value in node.outputs)) if name]


def _readable(node: ir.Node, index: int) -> str:
    tensor = node.outputs[0].name if node.outputs else None
    name = _ODD.sub("_", tensor or node.name or "").strip("/")
    return name or f"{node.op_type}_{index}"


def _candidates(name: str) -> Iterator[str]:
    return chain([name], (f"{name}_{number}" for number in count(2)))


def _plain(path: str) -> str:
    """As a traced network's parameters tell paths apart."""
    return re.sub(r"\W", "_", path)
