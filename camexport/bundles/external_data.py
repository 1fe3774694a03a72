"""Write the graphs of a bundle so that all share one file of weights, each tensor stored once."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from io import BufferedWriter
from pathlib import Path

import onnx_ir as ir

from camruntime.bundle import Graph, Shared, WeightsFile, digest_file

WEIGHTS = "weights.bin"
_INLINE = 1024  # bytes; smaller tensors stay in the graph, where shape inference can see them
_PAGE = 4096  # tensors start on a page, so that ONNX Runtime can map the file into memory


def store(models: Mapping[str, ir.Model], folder: Path) -> tuple[dict[str, Graph], WeightsFile]:
    """Write `NAME.onnx` for each model and `weights.bin` into `folder`, and describe them.

    A tensor that several graphs hold, or one graph twice, is stored once. Raises `OSError` when the
    disk refuses.
    """
    places: dict[bytes, tuple[int, int]] = {}
    with (folder / WEIGHTS).open("wb") as file:
        for model in models.values():
            for value in model.graph.initializers.values():
                tensor = value.const_value
                if tensor is not None and tensor.nbytes >= _INLINE:
                    value.const_value = _append(tensor, places, file, folder)
    stored = {name: _stored(model) for name, model in models.items()}
    holders = Counter(
        place for tensors in stored.values() for place in {one.place for one in tensors}
    )
    graphs = {}
    for name, model in models.items():
        path = folder / f"{name}.onnx"
        ir.save(model, path)
        inputs = tuple(str(value.name) for value in model.graph.inputs)
        outputs = tuple(str(value.name) for value in model.graph.outputs)
        shared = tuple(one for one in stored[name] if holders[one.place] > 1)
        graphs[name] = Graph(
            file=path.name,
            inputs=inputs,
            outputs=outputs,
            shared=shared,
            sha256=digest_file(path),
        )
    weights = folder / WEIGHTS
    size = weights.stat().st_size
    return graphs, WeightsFile(file=WEIGHTS, bytes=size, sha256=digest_file(weights))


def _append(
    tensor: ir.TensorProtocol,
    places: dict[bytes, tuple[int, int]],
    file: BufferedWriter,
    folder: Path,
) -> ir.ExternalTensor:
    data = tensor.tobytes()
    key = hashlib.sha256(data).digest()
    if key not in places:
        file.write(b"\0" * (-file.tell() % _PAGE))
        places[key] = (file.tell(), len(data))
        file.write(data)
    offset, length = places[key]
    return ir.ExternalTensor(
        WEIGHTS,
        offset,
        length,
        tensor.dtype,
        shape=ir.Shape(tensor.shape.numpy()),
        name=str(tensor.name),
        base_dir=folder,
    )


def _stored(model: ir.Model) -> list[Shared]:
    """All tensors of a model that lie in the file of weights."""
    return [
        Shared(
            name=str(value.name),
            offset=tensor.offset or 0,
            shape=tuple(tensor.shape.numpy()),
            dtype=str(tensor.dtype.numpy()),
        )
        for value in model.graph.initializers.values()
        if isinstance(tensor := value.const_value, ir.ExternalTensor)
    ]
