"""8-bit integers for a graph's weights and for what passes between its operators.

By ONNX Runtime's own static quantisation, QDQ. Activations are uint8 and weights int8: the pair
that its kernels on x86 with VNNI are fastest with; int8 for both was slower on residual networks.

Chosen by how Recipro-CAM's maps correlate with float32's, in the mean over photographs that nothing
was calibrated on, head alone. A scale for each output channel of a kernel: SqueezeNet 0.994,
MobileNetV2 0.993; one for all of it: 0.989 and 0.53. Ranges from the least to the greatest value;
percentiles (99.99 to 99.9999) were better for one network and worse for another, and take five
times as long. First and last convolution in float32: no difference. What int8 costs is spread over
all layers; of the inspector's work no more than a fifth could be done in it at no visible cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import onnx_ir as ir
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

from camexport.graphs import IR_VERSION
from camruntime.maps import FloatArray

Feed = Mapping[str, FloatArray]


def quantise(path: Path, feeds: Sequence[Feed]) -> ir.Model:
    """The graph with weights in int8, and activations in uint8 with ranges found on `feeds`.

    Its inputs and outputs stay float32. How good it is, `camexport.precision.fidelity` measures.

    Args:
        path: a graph in float32; its weights may be in another file.
        feeds: inputs to run it on, by name, at least one. Their ranges become the ranges of the
            graph, so they should be what it will be given.
    """
    model = onnx.load(path)
    _claim_preprocessed(model)
    with TemporaryDirectory() as folder:
        made = Path(folder) / "quantised.onnx"
        quantize_static(
            model,
            made,
            _Reader(feeds),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
        )
        quantised = ir.from_proto(onnx.load(made))
    quantised.ir_version = IR_VERSION
    quantised.metadata_props.clear()
    return quantised


class _Reader:
    """Feeds one after another, as `quantize_static` reads them."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> Feed | None:
        return next(self._feeds, None)


def _claim_preprocessed(model: onnx.ModelProto) -> None:
    """Batch norms are folded and shapes known; unless told so the quantiser logs a warning."""
    entry = model.metadata_props.add()
    entry.key, entry.value = "onnx.quant.pre_process", "onnxruntime.quant"
