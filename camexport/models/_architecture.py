"""What every source of networks hands over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from camexport.errors import OptionError
from camruntime.bundle import Input
from camruntime.pictures import Picture

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
USUAL_SIZE = (224, 224)
_PIXELS = 2**26  # 8192 x 8192
_CHANNELS = 4096  # hyperspectral cameras have some hundreds

Compare = Callable[[nn.Module, tuple[int, int], int], None]
"""Of a network with what it was made from, at this size and number of channels."""


@dataclass(frozen=True)
class Published:
    """How the publisher of a network prepares pictures for its weights, by code of its own.

    Attributes:
        who: the publisher.
        prepare: from uint8 RGB `(H, W, 3)` to float32 `(1, 3, H, W)`.
    """

    who: str
    prepare: Callable[[Picture], Tensor]


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A network that can be made, before its weights are chosen.

    Attributes:
        name: what `--model` was given.
        make: a fresh network with this many classes (None: its own number).
        publish: the network with its publisher's weights; may download them.
        weights_name: the publisher's name of those weights.
        input: the preprocessing that they expect.
        input_assumed: nobody said so; `input` is only the usual one.
        labels: of the classes; empty when nobody names them.
        aliases: other names of layers, and the module paths that each may mean.
        size_fixed: it takes images of `input.size` only.
        channels: how many its images have; None where only the network itself tells.
        white: the largest of the pixels' values that it takes as they are, so that `input` leaves
            nothing open; None where they are normalised for it.
        compare: what tells whether the published network is what it was made from.
        published: its publisher's own preparation of pictures, which `input` is to equal.
    """

    name: str
    make: Callable[[int | None], nn.Module]
    publish: Callable[[], nn.Module]
    weights_name: str
    input: Input
    input_assumed: bool
    labels: tuple[str, ...]
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    size_fixed: bool = False
    channels: int | None = 3
    white: int | None = None
    compare: Compare | None = None
    published: Published | None = None

    @property
    def is_file(self) -> bool:
        """Whether it is a file that brings its weights, so that making it downloads nothing."""
        return Path(self.name).suffix.lower() in (".onnx", ".pt2")

    def path_of(self, layer: str) -> str:
        """The module path that `--layer` means.

        Raises:
            OptionError: the name means several.
        """
        paths = self.aliases.get(layer, (layer,))
        if len(paths) > 1:
            raise OptionError(
                f"{self.name} calls {len(paths)} nodes or tensors '{layer}': say --layer with "
                f"{' or '.join(paths)}"
            )
        return paths[0]

    def size_for(self, wanted: tuple[int, int] | None) -> tuple[int, int]:
        """`(H, W)` of the input, `wanted` if it is given.

        Raises:
            OptionError: the network takes another size only, or images that are too large.
        """
        own = self.input.size
        if self.size_fixed and wanted not in (None, own):
            raise OptionError(
                f"{self.name} takes images of {own[0]}x{own[1]} only: leave --size out, or export "
                "the file again with dynamic height and width"
            )
        height, width = wanted or own
        if height * width > _PIXELS:
            raise OptionError(
                f"{self.name} would take images of {height}x{width}: expected at most "
                f"{_PIXELS} pixels; say another --size, or export the file for smaller ones"
            )
        return height, width

    def channels_for(self, wanted: int | None) -> int | None:
        """Channels of its images, `wanted` if only the network itself tells.

        Raises:
            OptionError: it takes another number, or there is no such.
        """
        if wanted is not None and wanted < 1:
            raise OptionError(f"--channels {wanted} is below 1")
        if max(wanted or 0, self.channels or 0) > _CHANNELS:
            raise OptionError(
                f"{self.name} would take images of {wanted or self.channels} channels: expected at "
                f"most {_CHANNELS}"
            )
        if self.channels is None:
            return wanted
        if wanted not in (None, self.channels):
            other = "export the file again" if self.is_file else "give package.module:callable"
            raise OptionError(
                f"{self.name} takes images of {self.channels} channel(s), not {wanted}: leave "
                f"--channels out, or {other} with a network that takes {wanted}"
            )
        return self.channels


def assumed_input(size: tuple[int, int]) -> Input:
    """The usual preprocessing, for networks of which nobody said what they expect."""
    return Input(
        size=size,
        colour="RGB",
        resize="squash",
        shorter_side=None,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    )


def of_file(
    path: Path,
    size: tuple[int, int] | None,
    publish: Callable[[], nn.Module],
    aliases: Mapping[str, tuple[str, ...]],
    channels: int | None,
) -> Architecture:
    """A network from a file that also holds its weights; other weights are an `OptionError`.

    A `size` of None is one that the file leaves open, `channels` likewise.
    """

    def make(_classes: int | None) -> nn.Module:
        raise OptionError(f"{path} brings its own weights: leave --weights out")

    return Architecture(
        name=str(path),
        make=make,
        publish=publish,
        weights_name=path.name,
        input=assumed_input(size or USUAL_SIZE),
        input_assumed=True,
        labels=(),
        aliases=aliases,
        size_fixed=size is not None,
        channels=channels,
    )
