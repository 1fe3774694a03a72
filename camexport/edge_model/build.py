"""Build an edge model: HED as one ONNX file, compared with PyTorch before it appears."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import torch

from camexport.bundles import staged_files
from camexport.edge_model.hed import MEAN, Hed, load_hed
from camexport.errors import OutputError, ParityError, WeightsError
from camexport.graphs import export_onnx
from camexport.parity import EDGE_MAP
from camexport.weights import read_state
from camruntime.bundle import digest_file
from camruntime.edge_model import EDGES, SCHEMA_VERSION, EdgeModel, open_edge_model
from camruntime.engine import on_cpu

INPUT, OUTPUT = "image", "edges"

_COMPARED = ((2, 48, 64), (1, 67, 91))  # batch, height, width: whole in the fifth stage, and not


def build_edges(weights: Path, out: Path, force: bool = False) -> EdgeModel:
    """Write `edges.onnx` and `edges.json` into a directory, new or there already.

    Args:
        weights: HED's state dict, of a family that `camexport.edge_model.hed` knows.
        out: the directory; a bundle's, for example.
        force: replace an edge model that is there.

    Raises:
        WeightsError: the weights cannot be read, or are not HED's.
        OutputError: there is an edge model already, or the directory cannot be written.
        ParityError: ONNX Runtime does not compute what PyTorch does; nothing is left behind.
        MissingDependencyError: ONNX Runtime is not installed.
    """
    if not weights.is_file():
        raise WeightsError(f"no weights at {weights}: expected the path of a state dict of HED")
    names = (EDGES, Path(EDGES).with_suffix(".json").name)
    if not force and any((out / name).exists() for name in names):
        raise OutputError(f"{out} has an edge model: choose another --out, or --force")
    with staged_files(out, names) as stage:  # who reads between the moves is told by the digest
        network = load_hed(read_state(weights), weights.name)
        ir.save(_to_onnx(network), stage / EDGES)
        padding = network.family.padding
        model = _describe(f"HED ({weights.stem}, padding {padding})", stage / EDGES)
        model.write(stage)
        _compare(network, stage)
    return model


def _to_onnx(network: Hed) -> ir.Model:
    """`image (n, 3, H, W)` -> `edges (n, 1, H, W)`, all three dynamic."""
    sizes = dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)
    example = torch.zeros(2, 3, 64, 80)
    model = export_onnx(network, (example,), (sizes,))
    graph = model.graph
    graph.name = "hed"
    for value, name, channels in ((graph.inputs[0], INPUT, 3), (graph.outputs[0], OUTPUT, 1)):
        value.name = name
        value.shape = ir.Shape(["n", channels, "H", "W"])
    return model


def _describe(name: str, file: Path) -> EdgeModel:
    return EdgeModel(
        schema_version=SCHEMA_VERSION,
        name=name,
        file=file.name,
        input=INPUT,
        output=OUTPUT,
        colour="BGR",
        scale=255.0,
        mean=MEAN,
        std=(1.0, 1.0, 1.0),
        sha256=digest_file(file),
    )


def _compare(network: Hed, folder: Path) -> None:
    """Run the stored file and the network on noise; raise `ParityError` where they differ."""
    _, model, graph = open_edge_model(folder)
    run = on_cpu(graph, [OUTPUT])
    rng = np.random.default_rng(0)
    for shape in _COMPARED:
        batch, height, width = shape
        pixels = rng.random((batch, 3, height, width), np.float32)
        pictures = model.prepare(pixels)
        with torch.inference_mode():
            expected = network(torch.from_numpy(pictures)).numpy()
        (found,) = run({INPUT: pictures})
        difference = float(np.abs(found - expected).max())
        if not difference <= EDGE_MAP:  # so that NaN is refused too
            raise ParityError(
                f"{model.name} differs from PyTorch by {difference:.2e} at {height}x{width}, "
                f"allowed is {EDGE_MAP:.0e}: the edge model was not kept; check the weights for "
                "NaN, and report it"
            )
