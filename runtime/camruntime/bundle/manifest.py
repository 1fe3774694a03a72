"""What `bundle.json` says, as the dataclasses that write and read it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from camruntime.bundle.measured import Fidelity, Parity

SCHEMA_VERSION = 7
MANIFEST = "bundle.json"

Axes = Literal["channels-first", "channels-last", "tokens"]
Colour = Literal["RGB", "BGR", "grey", "channels"]
ResizeMode = Literal["squash", "centre-crop", "letterbox"]
Precision = Literal["float32", "fp16", "int8"]
ProbabilityKind = Literal["softmax", "sigmoid", "none"]

EIGHT_BITS, SIXTEEN_BITS = 255, 65535
"""The largest values that pictures of so many bits hold."""

_DRAWN: dict[Colour, tuple[int, int, int]] = {
    "RGB": (0, 1, 2),
    "BGR": (2, 1, 0),
    "grey": (0, 0, 0),
}


def usual_shown(colour: Colour, channels: int) -> tuple[int, int, int]:
    """Which channels of a network are drawn as red, green and blue, where nobody says."""
    return _DRAWN.get(colour, (0, 1, 2) if channels >= 3 else (0, 0, 0))


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
        colour: what the network's channels are: red, green and blue in either order, brightness,
            or others (`channels`), taken as they come.
        full_scale: the value of white in a picture: 255 in 8 bits, 4095 of a 12-bit camera.
        shown: which of the network's channels are drawn as red, green and blue; one thrice is grey.
        resize: `squash` ignores the aspect ratio; `centre-crop` scales the shorter side to
            `shorter_side` and cuts the centre out; `letterbox` fits the whole picture and pads
            with the mean colour.
        shorter_side: for `centre-crop`, in pixels; None otherwise.
        mean, std: one for each channel of the network, in its order, for pixel values that were
            divided by `full_scale`: `(value - mean) / std`.
    """

    size: tuple[int, int]
    colour: Colour
    full_scale: int = EIGHT_BITS
    shown: tuple[int, int, int] = (0, 1, 2)
    resize: ResizeMode
    shorter_side: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        count, usual = len(self.mean), _DRAWN.get(self.colour)
        if not len(self.std) == count >= 1 or min(self.std) <= 0:
            raise ValueError(f"expected as many std as mean, above 0, got {self.std}, {self.mean}")
        if usual and (self.shown != usual or count != len(set(usual))):
            raise ValueError(f"{count} channels shown as {self.shown} are not {self.colour}")
        if not all(0 <= channel < count for channel in self.shown):
            raise ValueError(f"expected shown channels of 0 to {count - 1}, got {self.shown}")
        if not EIGHT_BITS <= self.full_scale <= SIXTEEN_BITS:
            raise ValueError(f"expected full_scale of 255 to 65535, got {self.full_scale}")

    @property
    def channels(self) -> int:
        """How many the network takes."""
        return len(self.mean)

    def words(self) -> str:
        """What a picture holds: `RGB`, or `4 channels, shown 0, 1, 2, of 0-4095`."""
        shown = ", ".join(map(str, dict.fromkeys(self.shown)))
        kind = (
            f"{self.channels} channels, shown {shown}" if self.colour == "channels" else self.colour
        )
        return kind if self.full_scale == EIGHT_BITS else f"{kind} of 0-{self.full_scale}"

    def drawn_mean(self) -> tuple[float, float, float]:
        """The mean colour as it is drawn: red, green and blue in [0, 1]."""
        red, green, blue = (self.mean[channel] for channel in self.shown)
        return red, green, blue


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
class Manifest:
    """`bundle.json`.

    Attributes:
        model: what `camexport build --model` was given.
        arguments: what `--arg` was given, by name.
        output: what `--output` was given.
        answer: what the logits mean.
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
    answer: Answer
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
