"""Two graphs as one: what the first puts out, the second takes.

A session wakes its threads for each run, and hands its outputs to Python; between head and cells
that is an eighth of MobileNetV2's whole pass. Both graphs' weights stay the very tensors that they
are, so they are stored once.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir

HEAD_CELLS = "head_cells"


def with_head_cells(models: Mapping[str, ir.Model]) -> dict[str, ir.Model]:
    """All graphs of a bundle, and head and cells as one where there are cells.

    Whatever is called so already is made anew, as its two parts may have changed.
    """
    others = {name: model for name, model in models.items() if name != HEAD_CELLS}
    if "cells" not in others:
        return others
    return {**others, HEAD_CELLS: joined(others["head"], others["cells"], HEAD_CELLS)}


def joined(first: ir.Model, second: ir.Model, name: str) -> ir.Model:
    """From the inputs of `first` to its outputs and those of `second`.

    Args:
        first: stays as it is.
        second: each of its inputs is called as an output of `first`; it stays as it is, too.
        name: the graph's.
    """
    made, graph = first.clone(), second.graph.clone()
    given = {value.name: value for value in made.graph.outputs}
    for taken in graph.inputs:
        ir.convenience.replace_all_uses_with(taken, given[taken.name])
    results = [*graph.outputs]
    _rename(graph, f"{name}/", {*map(id, results)})
    for value in [*graph.initializers.values()]:
        del graph.initializers[str(value.name)]
        made.graph.register_initializer(value)
    graph.outputs.clear()
    for node in [*graph]:
        graph.remove(node)
        made.graph.append(node)
    made.graph.outputs.extend(results)
    made.graph.opset_imports.update(graph.opset_imports)
    made.graph.name = name
    return made


def _rename(graph: ir.Graph, prefix: str, kept: set[int]) -> None:
    """So that no name inside is one of another graph's; those of the values `kept` stay."""
    values = [value for node in graph for value in node.outputs]
    for value in [*values, *graph.initializers.values()]:
        if id(value) not in kept:
            value.name = f"{prefix}{value.name}"
    for node in graph:
        node.name = f"{prefix}{node.name}"
