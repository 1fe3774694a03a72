"""How a photograph becomes a network's input, as `bundle.json` says it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

Colour = Literal["RGB", "BGR", "grey", "channels"]
ResizeMode = Literal["squash", "centre-crop", "letterbox"]
Assumed = Literal["size", "mean", "std", "colour", "resize", "shorter_side", "full_scale"]
"""Fields of `Input` that a build may have to assume."""

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
        assumed: which of these fields nobody gave and no weights or file told: their values are
            usual ones, with which another network's accuracy may be lost. No part of equality, as
            the same values prepare the same picture.
    """

    size: tuple[int, int]
    colour: Colour
    full_scale: int = EIGHT_BITS
    shown: tuple[int, int, int] = (0, 1, 2)
    resize: ResizeMode
    shorter_side: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    assumed: tuple[Assumed, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        count, usual = len(self.mean), _DRAWN.get(self.colour)
        if min(self.size) < 1:
            raise ValueError(f"expected a size of at least 1x1, got {self.size}")
        if (self.shorter_side is None) is (self.resize == "centre-crop"):
            raise ValueError(f"shorter_side {self.shorter_side} does not go with {self.resize}")
        if self.shorter_side is not None and self.shorter_side < max(self.size):
            raise ValueError(f"shorter_side {self.shorter_side} is below the size {self.size}")
        if not all(map(math.isfinite, self.mean)) or not all(
            0 < each < math.inf for each in self.std
        ):
            raise ValueError(f"expected finite mean and std above 0, got {self.mean}, {self.std}")
        if not len(self.std) == count >= 1:
            raise ValueError(f"expected as many std as mean, got {self.std}, {self.mean}")
        if not all(map(_fits_float32, self.mean, self.std)):
            raise ValueError(f"mean {self.mean}, std {self.std} give values beyond float32")
        if usual and (self.shown != usual or count != len(set(usual))):
            raise ValueError(f"{count} channels shown as {self.shown} are not {self.colour}")
        if not all(0 <= channel < count for channel in self.shown):
            raise ValueError(f"expected shown channels of 0 to {count - 1}, got {self.shown}")
        if not EIGHT_BITS <= self.full_scale <= SIXTEEN_BITS:
            raise ValueError(f"expected full_scale of 255 to 65535, got {self.full_scale}")
        if len(set(self.assumed)) < len(self.assumed):
            raise ValueError(f"expected each assumed field once, got {self.assumed}")

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

    @property
    def unnoticed(self) -> tuple[Assumed, ...]:
        """What was assumed and, where it is wrong, costs accuracy without another word.

        Not `full_scale`: pictures in other bits are refused.
        """
        return tuple(name for name in self.assumed if name != "full_scale")

    def assumed_values(self) -> str:
        """What was assumed, in words: `size 224x224, colour RGB`; empty where nothing was."""
        return ", ".join(f"{name.replace('_', ' ')} {self._shortly(name)}" for name in self.assumed)

    def _shortly(self, name: Assumed) -> str:
        """A field's value: `224x224`, `RGB`, `(0.485, 0.456, 0.406)`, `0.5` of channels alike."""
        value = getattr(self, name)
        if name == "size":
            return f"{self.size[0]}x{self.size[1]}"
        if isinstance(value, tuple):
            each = [f"{number:.4g}" for number in value]
            return each[0] if len(set(each)) == 1 else f"({', '.join(each)})"
        return str(value)

    def drawn_mean(self) -> tuple[float, float, float]:
        """The mean colour as it is drawn: red, green and blue in [0, 1]."""
        red, green, blue = (self.mean[channel] for channel in self.shown)
        return red, green, blue


def _fits_float32(mean: float, std: float) -> bool:
    """Whether float32 holds them, and what pixel values in [0, 1] become by them."""
    return max(abs(mean), std, (1 + abs(mean)) / std) < 2.0**127
