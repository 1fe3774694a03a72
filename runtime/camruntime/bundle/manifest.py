"""What `bundle.json` says, as the dataclasses that write and read it."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from camruntime.bundle.cuts import OF_A_CUT, at_cut, cut_of
from camruntime.bundle.input import Input
from camruntime.bundle.measured import Fidelity, Parity
from camruntime.bundle.sealing import SEAL, is_digest, is_plain_name, sealed

SCHEMA_VERSION = 11
MANIFEST = "bundle.json"

Axes = Literal["channels-first", "channels-last", "tokens"]
Precision = Literal["float32", "fp16", "int8"]
ProbabilityKind = Literal["softmax", "sigmoid", "none"]

_NUMBERS = re.compile("float(16|32|64)|u?int(8|16|32|64)|bool")
_LAYER = ("activations", "tokens")
_MASKED = ("masks", "rows", "columns")
_VALUES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "head": (("image",), _LAYER),
    "tail": (_LAYER, ("logits",)),
    "mask_images": (("image", *_MASKED), ("masked",)),
    "occlude_images": (("image", "blurred", "offset", *_MASKED), ("occluded",)),
    "mask_activations": (("activations", "masks"), ("masked",)),
    "gradient": ((*_LAYER, "targets"), ("gradient", "logits")),
    "cells": (("activations",), ("logits",)),
    "head_cells": (("image",), (*_LAYER, "logits")),
}
"""Inputs and outputs of each graph, in order; `tokens` only where the layer has any."""
_NOT_ALWAYS = {"gradient", "cells", "head_cells"}


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the weights came from.

    Attributes:
        weights: the publisher's own (`default`), seeded noise (`random`), a state dict (`file`), or
            those of another bundle, drawn anew from some layer on (`randomised`).
        name: the publisher's name of them, or the file's; for people.
        seed: of random and randomised weights; None otherwise.
        randomised_from: the first layer whose weights were drawn anew; None for all other weights.
        digest: SHA-256 of the weights, independent of the file they came in.
    """

    weights: Literal["default", "random", "file", "randomised"]
    name: str
    seed: int | None
    randomised_from: str | None
    digest: str

    def randomised(self, layer: str, seed: int, digest: str) -> Source:
        """The source of weights that were drawn anew from `layer` on."""
        return Source(
            weights="randomised",
            name=f"{self.name}, randomised from {layer} on, seed {seed}",
            seed=seed,
            randomised_from=layer,
            digest=digest,
        )


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the network's logits mean, and how they become probabilities.

    Attributes:
        probabilities: `softmax` over the classes, of which one is there; `sigmoid` of each class by
            itself, of which any number is there; `none` where the network's answer is taken as it
            is.
        one_logit: the network has a single logit z, that of the second of two classes. Its graphs
            give [0, z], whose softmax is z's sigmoid, and what is explained is a class's lead over
            the other: z for the second, -z for the first.
        threshold: with `sigmoid`, the probability from which on a class is said to be there.
    """

    probabilities: ProbabilityKind = "softmax"
    one_logit: bool = False
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ValueError(f"expected a threshold between 0 and 1, got {self.threshold}")
        if self.one_logit and self.probabilities != "softmax":
            raise ValueError(f"one logit goes with softmax, not {self.probabilities}")


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The target layer.

    Attributes:
        name: its module path.
        shape: of its activations as the graphs have them, `(C, h, w)`.
        spatial: its grid, `(h, w)`.
        axes: how the network itself lays them out.
        tokens: number of tokens beside the grid, such as a class token, that the head also puts
            out, and that tail and gradient also take, as `tokens` `(n, tokens, C)`.
    """

    name: str
    shape: tuple[int, int, int]
    spatial: tuple[int, int]
    axes: Axes
    tokens: int

    def __post_init__(self) -> None:
        if min(self.shape) < 1 or self.shape[1:] != self.spatial:
            raise ValueError(f"a grid of {self.spatial} is not that of {self.shape}")
        if self.tokens < 0:
            raise ValueError(f"expected 0 tokens or more, got {self.tokens}")


@dataclass(frozen=True, kw_only=True)
class Shared:
    """Weights that another graph of the bundle holds too, with the same shape.

    Attributes:
        name: in this graph.
        offset: in bytes, in the file of weights.
        shape, dtype: as NumPy has them.
    """

    name: str
    offset: int
    shape: tuple[int, ...]
    dtype: str

    def __post_init__(self) -> None:
        if self.offset < 0 or min(self.shape, default=1) < 1 or not _NUMBERS.fullmatch(self.dtype):
            raise ValueError(f"no weights lie at {self.offset}: {self.dtype} of {self.shape}")

    @property
    def end(self) -> int:
        """The byte behind it."""
        return self.offset + math.prod(self.shape) * np.dtype(self.dtype).itemsize

    @property
    def place(self) -> tuple[int, tuple[int, ...], str]:
        """What is the same in every graph that holds it."""
        return self.offset, self.shape, self.dtype


@dataclass(frozen=True, kw_only=True)
class Graph:
    """One ONNX file: its name in the bundle, the names of its inputs and outputs, its SHA-256."""

    file: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    shared: tuple[Shared, ...]
    sha256: str

    def __post_init__(self) -> None:
        _require_file(self.file, self.sha256)
        if not self.inputs or not self.outputs:
            raise ValueError("expected names of inputs and outputs")


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """The one file that holds the weights of all graphs."""

    file: str
    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        _require_file(self.file, self.sha256)
        if self.bytes < 0:
            raise ValueError(f"expected a size, got {self.bytes} bytes")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """`bundle.json`.

    Attributes:
        model: what `camexport build --model` was given.
        arguments: what `--arg` was given, by name.
        output: what `--output` was given.
        answer: what the logits mean.
        layer: the target layer.
        more_layers: others that the network was split at, too; see `Graphs.cuts`.
        classes: number of logits; `labels` has as many entries.
        good: index of the class of parts without a defect, as `--good` named it; None where nobody
            did.
        graphs: by name: `head`, `tail`, `mask_images`, `occlude_images`, `mask_activations`, and
            `gradient` unless it was left out; `cells` where the tail takes single cells at once,
            and `head_cells`, both in one. Of later layers as in `camruntime.bundle.cuts`.
        opset: version of the standard ONNX operators.
        tools: versions of what built the bundle.
        parity: measured when it was built, on graphs in float32.
        precision: what the graphs were made to compute in after that. `int8` is of the head alone.
        fidelity: of that precision, measured when it was built; empty for `float32`.
    """

    schema_version: int
    model: str
    arguments: dict[str, str]
    output: str | None
    answer: Answer
    source: Source
    layer: Layer
    more_layers: tuple[Layer, ...]
    input: Input
    classes: int
    labels: tuple[str, ...]
    good: int | None
    graphs: dict[str, Graph]
    weights: WeightsFile
    opset: int
    tools: dict[str, str]
    parity: tuple[Parity, ...]
    precision: Precision
    fidelity: tuple[Fidelity, ...]

    def __post_init__(self) -> None:
        if not len(self.labels) == self.classes >= 1:
            raise ValueError(
                f"expected as many labels as classes, got {len(self.labels)} and {self.classes}"
            )
        if self.good is not None and not 0 <= self.good < self.classes:
            raise ValueError(f"class {self.good} is none of {self.classes}, and so not good")
        if self.answer.one_logit and self.classes != 2:
            raise ValueError(f"one logit tells two classes apart, not {self.classes}")
        self._require_layers()
        self._require_graphs()
        for name, graph in self.graphs.items():
            plain, cut = cut_of(name)
            wanted = tuple(_named(values, self.layers[cut]) for values in _VALUES[plain])
            if (graph.inputs, graph.outputs) != wanted:
                raise ValueError(
                    f"expected inputs and outputs {wanted} of graph '{name}', got "
                    f"{(graph.inputs, graph.outputs)}"
                )
        files = [self.weights.file, MANIFEST, *(graph.file for graph in self.graphs.values())]
        if len(set(files)) < len(files):
            raise ValueError(f"expected a file for each, got {files}")
        shared = (one for graph in self.graphs.values() for one in graph.shared)
        if any(one.end > self.weights.bytes for one in shared):
            raise ValueError(f"shared weights lie behind the end of {self.weights.file}")

    def _require_layers(self) -> None:
        names = [layer.name for layer in self.layers]
        if len(set(names)) < len(names):
            raise ValueError(f"expected each layer once, got {names}")
        if self.more_layers and self.precision != "float32":
            raise ValueError(f"several layers go with float32, not {self.precision}")
        if not {one.layer for one in self.parity} <= {*names}:
            raise ValueError(f"expected parity of the layers {names} alone")

    def _require_graphs(self) -> None:
        cuts = range(len(self.layers))
        known = [*_VALUES, *(at_cut(name, cut) for cut in cuts[1:] for name in OF_A_CUT)]
        always = {name for name in known if cut_of(name)[0] not in _NOT_ALWAYS}
        if not always <= self.graphs.keys() <= {*known}:
            raise ValueError(f"expected the graphs {known}, got {[*self.graphs]}")
        for cut in cuts:
            there = {name for name in _NOT_ALWAYS if at_cut(name, cut) in self.graphs}
            if ("cells" in there) is not ("head_cells" in there):
                raise ValueError(f"cells and head_cells come together, got {[*self.graphs]}")
            if ("gradient" in there) is not ("gradient" in self.graphs):
                raise ValueError(f"expected a gradient of each layer, got {[*self.graphs]}")

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All that the network was split at, the target layer first."""
        return (self.layer, *self.more_layers)

    @property
    def layer_names(self) -> str:
        """Of all of them, for people."""
        return ", ".join(layer.name for layer in self.layers)

    def at(self, cut: int) -> Manifest:
        """What it would say had it been built for the layer with this index alone."""
        if not self.more_layers:
            return self
        layer = self.layers[cut]
        places = {name: cut_of(name) for name in self.graphs}
        graphs = {
            plain: self.graphs[name]
            for name, (plain, own) in places.items()
            if own == cut or plain not in OF_A_CUT
        }
        parity = tuple(one for one in self.parity if one.layer == layer.name)
        return replace(self, layer=layer, more_layers=(), graphs=graphs, parity=parity)

    @property
    def fingerprint(self) -> str:
        """What tells results of this network from others': the weights' SHA-256, and precision.

        In float32 it is the SHA-256 alone.
        """
        ending = "" if self.precision == "float32" else f", {self.precision}"
        return self.source.digest + ending

    @property
    def digest(self) -> str:
        """SHA-256 of what `bundle.json` says, and so, by the digests in it, of the whole bundle."""
        return str(self._sealed[SEAL])

    @cached_property
    def _sealed(self) -> dict[str, object]:
        return sealed(dataclasses.asdict(self))

    def write(self, folder: Path) -> None:
        """Write `bundle.json` into `folder`, with its own digest."""
        text = json.dumps(self._sealed, indent=2, ensure_ascii=False, allow_nan=False)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _named(values: tuple[str, ...], layer: Layer) -> tuple[str, ...]:
    return tuple(value for value in values if value != "tokens" or layer.tokens)


def _require_file(name: str, digest: str) -> None:
    if not is_plain_name(name):
        raise ValueError(f"expected the name of a file in the bundle's folder, got {name!r:.60}")
    if not is_digest(digest):
        raise ValueError(f"expected a SHA-256 of {name}, got {digest!r:.60}")
