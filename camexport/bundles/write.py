"""Write a bundle from a network that was split: convert, store, compare with PyTorch."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import onnx_ir as ir
import torch
from torch import nn

from camexport.bundles.external_data import store
from camexport.gradient import differentiate
from camexport.graphs import (
    OPSET,
    fold_batch_norms,
    gradient_to_onnx,
    mask_activations,
    mask_images,
    occlude_images,
    single_cells,
    store_cell_major,
    to_onnx,
    with_head_cells,
)
from camexport.parity import compare
from camexport.tracing import Split
from camruntime.bundle import (
    SCHEMA_VERSION,
    Answer,
    Bundle,
    Input,
    Layer,
    Manifest,
    Source,
    at_cut,
)
from camruntime.engine import Engine, mapped

_TOOLS = ("camexport", "torch", "onnx", "onnxscript", "onnx-ir")


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a bundle's manifest says that its graphs do not tell.

    Attributes:
        model, arguments, output: what `camexport build` was given.
        answer: what the network's logits mean.
        source: where the network's weights came from.
        input: its preprocessing.
        labels: one per class.
        good: index of the class of good parts, where somebody named it.
        gradient: write the gradient graph too.
    """

    model: str
    arguments: Mapping[str, str]
    output: str | None
    answer: Answer
    source: Source
    input: Input
    labels: tuple[str, ...]
    good: int | None
    gradient: bool


def write_bundle(
    folder: Path, network: nn.Module, splits: Sequence[Split], contents: Contents
) -> None:
    """Write the bundle of `network` into the existing `folder`.

    Args:
        folder: empty.
        network: in eval mode.
        splits: of it, the first at the target layer.
        contents: what they do not tell.

    Raises:
        UnsupportedError: an operator that ONNX or the gradient does not have.
        ParityError: the stored graphs do not compute what `network` does.
    """
    _compare(folder, network, _store(folder, splits, contents))


def _convert(splits: Sequence[Split], contents: Contents) -> dict[str, ir.Model]:
    """All graphs of the bundle by name; the weights that they change are freed with them.

    What has no gradient is told before anything is written.
    """
    channels = contents.input.channels
    models: dict[str, ir.Model] = {}
    for cut, parts in enumerate(splits):
        own = _converted(parts, contents)
        models.update({at_cut(name, cut): model for name, model in own.items()})
    return {
        **models,
        "mask_images": mask_images(channels),
        "occlude_images": occlude_images(channels),
        "mask_activations": mask_activations(),
    }


def _converted(parts: Split, contents: Contents) -> dict[str, ir.Model]:
    """Those of one split."""
    head, tail = fold_batch_norms(parts.head), store_cell_major(fold_batch_norms(parts.tail))
    gradient = differentiate(tail, lead=contents.answer.one_logit) if contents.gradient else None
    examples = {"activations": torch.zeros(2, *parts.layout.shape)}
    if parts.layout.tokens:
        examples["tokens"] = torch.zeros(2, parts.layout.tokens, parts.layout.shape[0])
    image = torch.zeros(2, contents.input.channels, *contents.input.size)
    models = {
        "head": to_onnx(head, {"image": image}, list(examples)),
        "tail": to_onnx(tail, examples, ["logits"]),
    }
    cells = single_cells(tail)
    if cells is not None:
        models["cells"] = to_onnx(cells, examples, ["logits"])
        models["cells"].graph.outputs[0].shape = ir.Shape(["rows", parts.classes])
    if gradient is not None:
        models["gradient"] = gradient_to_onnx(gradient, examples)
    return with_head_cells(models)


def _store(folder: Path, splits: Sequence[Split], contents: Contents) -> Manifest:
    """Convert and store all graphs; the manifest's parity is still to be measured."""
    graphs, weights = store(_convert(splits, contents), folder)
    gc.collect()  # graphs are full of circles, and hold the weights that were changed for them
    layer, *more = map(_layer, splits)
    return Manifest(
        schema_version=SCHEMA_VERSION,
        model=contents.model,
        arguments=dict(contents.arguments),
        output=contents.output,
        answer=contents.answer,
        source=contents.source,
        layer=layer,
        more_layers=tuple(more),
        input=contents.input,
        classes=splits[0].classes,
        labels=contents.labels,
        good=contents.good,
        graphs=graphs,
        weights=weights,
        opset=OPSET,
        tools={tool: version(tool) for tool in _TOOLS},
        parity=(),
        precision="float32",
        fidelity=(),
    )


def _layer(parts: Split) -> Layer:
    layout = parts.layout
    return Layer(
        name=parts.layer,
        shape=layout.shape,
        spatial=layout.shape[1:],
        axes=layout.axes,
        tokens=layout.tokens,
    )


def _compare(folder: Path, network: nn.Module, manifest: Manifest) -> None:
    """Measure parity on the stored files, refuse what is over tolerance, write `bundle.json`."""
    measured = compare(
        network, Bundle(folder, manifest), lambda one: Engine(one, ["cpu"], model=mapped)
    )
    dataclasses.replace(manifest, parity=measured).write(folder)
