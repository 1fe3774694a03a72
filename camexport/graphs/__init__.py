"""The ONNX graphs of a bundle, made in memory."""

from camexport.graphs.cell_major_weights import store_cell_major
from camexport.graphs.fold_batch_norms import fold_batch_norms
from camexport.graphs.joined import with_head_cells
from camexport.graphs.perturbations import mask_activations, mask_images, occlude_images
from camexport.graphs.single_cells import single_cells
from camexport.graphs.to_onnx import IR_VERSION, OPSET, export_onnx, gradient_to_onnx, to_onnx

__all__ = [
    "IR_VERSION",
    "OPSET",
    "export_onnx",
    "fold_batch_norms",
    "gradient_to_onnx",
    "mask_activations",
    "mask_images",
    "occlude_images",
    "single_cells",
    "store_cell_major",
    "to_onnx",
    "with_head_cells",
]
