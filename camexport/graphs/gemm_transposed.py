"""Products with a stored matrix that is the wrong way round, without turning it.

ONNX Runtime turns it while it opens the graph, and keeps that beside the file's: with VGG16's
gradient another 411 MB.
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.convenience import replace_nodes_and_values


def multiply_transposed(model: ir.Model) -> None:
    """`MatMul(x, Transpose(matrix))` of two axes each -> `Gemm(x, matrix, transB=1)`, in place."""
    for node in list(model.graph):
        if node.op_type == "Transpose" and _is_stored_matrix(node.inputs[0]):
            for product, place in list(node.outputs[0].uses()):
                if product.op_type == "MatMul" and place == 1 and _axes(product.inputs[0]) == 2:
                    _replace(model.graph, product, node.inputs[0])
            if not node.outputs[0].uses():
                model.graph.remove(node, safe=True)


def _is_stored_matrix(value: ir.Value | None) -> bool:
    return value is not None and value.is_initializer() and _axes(value) == 2


def _axes(value: ir.Value | None) -> int | None:
    return None if value is None or value.shape is None else value.shape.rank()


def _replace(graph: ir.Graph, product: ir.Node, matrix: ir.Value | None) -> None:
    gemm = ir.node("Gemm", [product.inputs[0], matrix], {"transB": 1}, name=product.name)
    replace_nodes_and_values(graph, product, [product], [gemm], product.outputs, gemm.outputs)
