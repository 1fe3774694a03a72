"""A bundle in float32 made over in lower precision.

`fp16`: head, tail and cells compute in float16, but for the logits: where one cell is kept, the map
is what little a logit differs from its bias. The gradient computes in float32: it is often below
6e-5, where float16 rounds coarsely, or below 6e-8, where it has only zero. Both on the weights in
float16, so it is the gradient of the very tail that runs, and weights are stored once.

`int8`: the head alone, which with the default layer is nearly all of the work. The other graphs
stay in float32. A tail that pools gets the h w-th part of the usual values where one cell is kept,
and of the 256 steps that span whole pictures some five are left for that: with MobileNetV2's tail
in int8, Recipro-CAM's worst map correlated by 0.87. Calibrated on single cells it clips pictures.
Nor may a tail's convolutions be quantised: SqueezeNet's only one cost more of Recipro-CAM's worst
map (0.92) than the whole head (0.98). And the gradient of steps is zero.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx_ir as ir

from camexport.bundles import store
from camexport.errors import UnsupportedError
from camexport.graphs import with_head_cells
from camexport.precision.calibration import Calibration, Images
from camexport.precision.fidelity import Inputs, check_fidelity, measure_fidelity
from camexport.precision.float16 import to_float16, weights_to_float16, write_out_rounding
from camexport.precision.float16_sensitive import last_nodes, sensitive_nodes
from camexport.precision.int8 import quantise
from camruntime.bundle import Bundle, Fidelity, Manifest, Precision, open_bundle
from camruntime.engine import Engine, OnnxGraphs
from camruntime.errors import CamError
from camruntime.methods import ReciproCAM

_IN_FLOAT16 = {"head", "tail", "cells"}


def reduce_precision(bundle: Bundle, folder: Path, precision: Precision, fitted: Images) -> Bundle:
    """Write `bundle`, which is in float32, in lower precision into the existing `folder`.

    How good it is remains to be judged.

    Args:
        bundle: in float32.
        folder: empty.
        precision: `fp16` or `int8`.
        fitted: pictures for `int8`, at least one. Plain ones, though Score-CAM shows the head
            masked ones too: these lie between the picture and the mean colour, and so do their
            values in the network; with them added no figure changed.
    """
    if bundle.manifest.more_layers:
        raise UnsupportedError(
            f"{bundle.folder} has several layers ({bundle.manifest.layer_names}), and {precision} "
            "is made of bundles with one: build with one --layer, or leave it in float32"
        )
    models = _load(bundle)
    if precision == "fp16":
        _to_float16(models)
    else:
        head = bundle.folder / bundle.graph("head").file
        models["head"] = quantise(head, [{"image": image} for image in fitted])
    return _write(dataclasses.replace(bundle.manifest, precision=precision), models, folder)


def judge(exact: Bundle, lowered: Bundle, judges: Images, inputs: Inputs) -> tuple[Fidelity, ...]:
    """How alike the maps of `lowered` and of `exact`, which is in float32, are on `judges`.

    On the CPU. There ONNX Runtime computes float16 in float32 and rounds as it likes, so fp16 is
    judged by a copy that rounds as a GPU does, which is where such a bundle is meant to run.

    Raises:
        CamError: as of `measure_fidelity`.
        Exception: a graph does not run; ONNX Runtime's errors share no base below that.
    """
    with TemporaryDirectory() as place:
        judged = lowered
        if lowered.manifest.precision == "fp16":
            _run(lowered, judges)
            models = _load(lowered)
            for name in models.keys() & _IN_FLOAT16:
                write_out_rounding(models[name])
            judged = _write(lowered.manifest, models, Path(place))
        engines = Engine(exact, ["cpu"]), Engine(judged, ["cpu"])
        return measure_fidelity(*engines, judges, inputs)


def reduce_in_place(folder: Path, calibration: Calibration) -> None:
    """Make the float32 bundle in `folder` one of lower precision, if its maps stay what they are.

    After an error `folder` holds the one, the other, or a part of both.

    Raises:
        FidelityError, UnsupportedError: as of `reduce_into`.
    """
    with TemporaryDirectory(dir=folder) as place:
        reduce_into(open_bundle(folder), Path(place), calibration)
        for file in Path(place).iterdir():
            file.replace(folder / file.name)


def reduce_into(exact: Bundle, folder: Path, calibration: Calibration) -> None:
    """Write `exact`, which is in float32, in lower precision into `folder`, and judge its maps.

    Args:
        exact: in float32.
        folder: empty; after an error it holds whatever was written by then.
        calibration: which precision, and the images that it is fitted to and judged by.

    Raises:
        FidelityError: the maps are not those in float32.
        UnsupportedError: the graphs cannot be had in this precision, or do not run.
    """
    precision = calibration.precision
    try:
        lowered = reduce_precision(exact, folder, precision, calibration.fitted)
        measured = judge(exact, lowered, calibration.judges, calibration.inputs)
    except (CamError, OSError):
        raise
    except Exception as error:  # ONNX Runtime's errors share no base below Exception
        raise UnsupportedError(
            f"the network cannot be had in {precision}: {error}; build with --precision float32"
        ) from error
    check_fidelity(measured, precision)
    dataclasses.replace(lowered.manifest, fidelity=measured).write(folder)


def _to_float16(models: Mapping[str, ir.Model]) -> None:
    for name in models.keys() & _IN_FLOAT16:
        graph = models[name].graph
        kept = sensitive_nodes(graph)
        to_float16(models[name], kept if name == "head" else kept | last_nodes(graph))
    for name in models.keys() & {"tail", "cells", "gradient"}:
        weights_to_float16(models[name])


def _run(bundle: Bundle, images: Images) -> None:
    """Run the graphs as they are, so that one that does not open is found out."""
    graphs = OnnxGraphs(Engine(bundle, ["cpu"]))
    ReciproCAM()(graphs, graphs.forward(images[0]), [0])


def _load(bundle: Bundle) -> dict[str, ir.Model]:
    graphs = bundle.manifest.graphs
    return {name: ir.load(bundle.folder / graph.file) for name, graph in graphs.items()}


def _write(manifest: Manifest, models: Mapping[str, ir.Model], folder: Path) -> Bundle:
    """A bundle of these graphs in `folder`, in everything else as `manifest` says."""
    graphs, weights = store(with_head_cells(models), folder)
    made = dataclasses.replace(manifest, graphs=graphs, weights=weights)
    made.write(folder)
    return Bundle(folder, made)
