"""The contract between camexport and camruntime: what a bundle holds, written and read here.

A bundle is a directory: ONNX graphs, one file with all their weights, and `bundle.json`, which is
`Manifest` as JSON. Opening a bundle checks the schema and the SHA-256 of every file.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from camruntime._decode import DecodeError, read_json
from camruntime.errors import BundleError

SCHEMA_VERSION = 5
MANIFEST = "bundle.json"

Axes = Literal["channels-first", "channels-last", "tokens"]
ResizeMode = Literal["squash", "centre-crop", "letterbox"]
Precision = Literal["float32", "fp16", "int8"]

_RANDOMISED = ", randomised from "  # in a name of weights, before the layer's


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the weights came from.

    Attributes:
        weights: the publisher's own (`default`), seeded noise (`random`), a state dict (`file`), or
            those of another bundle, drawn anew from some layer on (`randomised`).
        name: the publisher's name of them, or the file's.
        seed: of random and randomised weights; None otherwise.
        digest: SHA-256 of the weights, independent of the file they came in.
    """

    weights: Literal["default", "random", "file", "randomised"]
    name: str
    seed: int | None
    digest: str

    def randomised(self, layer: str, seed: int, digest: str) -> Source:
        """The source of weights that were drawn anew from `layer` on."""
        name = f"{self.name}{_RANDOMISED}{layer} on, seed {seed}"
        return Source(weights="randomised", name=name, seed=seed, digest=digest)

    @property
    def randomised_from(self) -> str | None:
        """The first layer whose weights were drawn anew; None for all other weights."""
        if self.weights != "randomised":
            return None
        return self.name.rpartition(_RANDOMISED)[2].rpartition(" on, seed ")[0]


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


@dataclass(frozen=True, kw_only=True)
class Input:
    """How a photograph becomes the network's input.

    Attributes:
        size: `(H, W)` in pixels.
        colour: order of the three channels.
        resize: `squash` ignores the aspect ratio; `centre-crop` scales the shorter side to
            `shorter_side` and cuts the centre out; `letterbox` fits the whole picture and pads
            with the mean colour.
        shorter_side: for `centre-crop`, in pixels; None otherwise.
        mean, std: per channel, for pixel values scaled to [0, 1]: `(value - mean) / std`.
    """

    size: tuple[int, int]
    colour: Literal["RGB"]
    resize: ResizeMode
    shorter_side: int | None
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


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


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """The one file that holds the weights of all graphs."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Parity:
    """Largest difference from PyTorch at one batch size.

    Attributes:
        part: `head`, `tail` or `head+tail`; `cells`; `gradient`, plain and `saturated`.
        batch: number of images.
        absolute: largest absolute difference.
        relative: the same over the largest absolute value that PyTorch computed; for gradients, the
            norm of the difference from float64 over the norm of the gradient.
        float32: `relative` of PyTorch's own float32, where float64 was the judge: for gradients,
            and for networks whose rounding errors grow; None otherwise.
    """

    part: str
    batch: int
    absolute: float
    relative: float
    float32: float | None

    @property
    def of_gradient(self) -> bool:
        """Whether `part` is a gradient."""
        return self.part.startswith("gradient")


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """How alike the maps of a bundle of lower precision and of the same bundle in float32 are.

    Both explain the class that float32 finds most likely, raw maps at the layer's resolution.

    Attributes:
        method: whose maps.
        inputs: `pictures`, none of which the precision was calibrated on, or `noise`.
        images: number of images.
        mean, worst: correlation (Pearson's, cell by cell) over the images.
        same_top: share of the images, in [0, 1], on which both have the same top cell.
    """

    method: str
    inputs: Literal["pictures", "noise"]
    images: int
    mean: float
    worst: float
    same_top: float

    def __str__(self) -> str:
        """In one line, for people."""
        images = f"{self.images} {'pictures' if self.inputs == 'pictures' else 'images of noise'}"
        return (
            f"{self.method} correlates by {self.worst:.5f} at worst ({self.mean:.5f} in the mean), "
            f"same top cell on {self.same_top:.0%} of {images}"
        )


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """`bundle.json`.

    Attributes:
        model: what `camexport build --model` was given.
        arguments: what `--arg` was given, by name.
        output: what `--output` was given.
        classes: number of logits; `labels` has as many entries.
        graphs: by name: `head`, `tail`, `mask_images`, `occlude_images`, `mask_activations`, and
            `gradient` unless it was left out; `cells` where the tail takes single cells at once.
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
    source: Source
    layer: Layer
    input: Input
    classes: int
    labels: tuple[str, ...]
    graphs: dict[str, Graph]
    weights: WeightsFile
    opset: int
    tools: dict[str, str]
    parity: tuple[Parity, ...]
    precision: Precision
    fidelity: tuple[Fidelity, ...]

    @property
    def fingerprint(self) -> str:
        """What tells results of this network from others': the weights' SHA-256, and precision.

        In float32 it is the SHA-256 alone.
        """
        ending = "" if self.precision == "float32" else f", {self.precision}"
        return self.source.digest + ending

    def write(self, folder: Path) -> None:
        """Write `bundle.json` into `folder`."""
        text = json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Bundle:
    """An opened bundle whose files were found and match their digests."""

    folder: Path
    manifest: Manifest

    def graph(self, name: str) -> Graph:
        """The graph called `name`; raises `BundleError` naming the graphs that are there."""
        graphs = self.manifest.graphs
        if name not in graphs:
            without = ", without --no-gradient" if name == "gradient" else ""
            raise BundleError(
                f"{self.folder} has no graph '{name}' (it has {', '.join(graphs)}); "
                f"build it again with `camexport build --model {self.manifest.model}`{without}"
            )
        return graphs[name]


def open_bundle(path: str | Path) -> Bundle:
    """Open the bundle in directory `path`.

    Raises:
        BundleError: the directory, `bundle.json` or a graph is missing; the schema is another one;
            a field is missing or of the wrong type; a file does not match its digest.
    """
    folder = Path(path)
    manifest = _read_manifest(folder)
    files = [(graph.file, graph.sha256) for graph in manifest.graphs.values()]
    for name, expected in [*files, (manifest.weights.file, manifest.weights.sha256)]:
        _check_file(folder / name, expected)
    return Bundle(folder, manifest)


def digest_file(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_manifest(folder: Path) -> Manifest:
    if not folder.is_dir():
        raise BundleError(
            f"no bundle at {folder}: expected a directory that `camexport build` wrote"
        )
    file = folder / MANIFEST
    if not file.is_file():
        raise BundleError(f"{folder} is not a bundle: it has no {MANIFEST}")
    advice = (
        "build the bundle again with the matching camexport, or install the matching camruntime"
    )
    try:
        return read_json(Manifest, file, "bundle", SCHEMA_VERSION, advice)
    except DecodeError as error:
        raise BundleError(str(error)) from error


def _check_file(path: Path, expected: str) -> None:
    if not path.is_file():
        raise BundleError(f"{path} is named in {MANIFEST} and missing: copy the whole directory")
    found = digest_file(path)
    if found != expected:
        raise BundleError(
            f"{path} was changed or damaged: SHA-256 {found[:12]}… where {MANIFEST} says "
            f"{expected[:12]}…; copy the bundle again or rebuild it"
        )
