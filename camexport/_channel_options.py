"""What a network's channels are, their values and their normalisation, from a build's options."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from camexport.errors import OptionError
from camexport.models import Architecture
from camruntime.bundle import EIGHT_BITS, SIXTEEN_BITS, Colour, usual_shown

if TYPE_CHECKING:
    from camexport.build import BuildOptions

_COUNTS: dict[Colour, int] = {"RGB": 3, "BGR": 3, "grey": 1}
_USUAL: dict[int, Colour] = {1: "grey", 3: "RGB"}
_HALF = 0.5  # mean and deviation of channels of which nobody said anything
_LARGEST_STD = 8.0  # of values in [0, 1]; larger ones are in another unit


@dataclass(frozen=True, kw_only=True)
class Channels:
    """The fields of `Input` that belong to its channels."""

    colour: Colour
    full_scale: int
    shown: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def channels_of(architecture: Architecture, options: BuildOptions, count: int) -> Channels:
    """What `options` say of the network's `count` channels, or what is known or usual.

    Raises:
        OptionError: an option does not fit the number of channels, or is in another unit.
    """
    colour = _colour(options.colour, count)
    usual = architecture.white or EIGHT_BITS
    full_scale = usual if options.full_scale is None else options.full_scale
    if not EIGHT_BITS <= full_scale <= SIXTEEN_BITS:
        raise OptionError(
            f"--full-scale is the value of white in the pictures, {EIGHT_BITS} to {SIXTEEN_BITS}, "
            f"got {full_scale}; what the network makes of it is --mean and --std"
        )
    mean, std = _normalisation(architecture, options, count, colour, full_scale)
    shown = _shown(options.shown, colour, count)
    return Channels(colour=colour, full_scale=full_scale, shown=shown, mean=mean, std=std)


def _colour(wanted: Colour | None, count: int) -> Colour:
    usual = _USUAL.get(count, "channels")
    if wanted is not None and _COUNTS.get(wanted, count) != count:
        raise OptionError(
            f"--colour {wanted.lower()} is of {_COUNTS[wanted]} channel(s), the network takes "
            f"{count}: leave it out" + (", grey pictures are repeated" if count == 3 else "")
        )
    return wanted or usual


def _normalisation(
    architecture: Architecture,
    options: BuildOptions,
    count: int,
    colour: Colour,
    full_scale: int,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if architecture.white is not None:
        if options.mean or options.std or full_scale > architecture.white:
            raise OptionError(
                f"{architecture.name} takes values of 0-{architecture.white} as they are and "
                "normalises them itself: leave --mean, --std and a larger --full-scale out"
            )
        return (0.0,) * count, (1 / full_scale,) * count
    known = architecture.input
    usual = [known.mean, known.std] if len(known.mean) == count else [(_HALF,) * count] * 2
    if colour != known.colour and colour == "BGR":
        usual = [values[::-1] for values in usual]
    mean = _for_each(options.mean, "--mean", count) or usual[0]
    std = _for_each(options.std, "--std", count) or usual[1]
    if not min(std) > 0:
        raise OptionError(f"expected --std above 0, got {std}")
    if max(mean) > 1 or max(std) > _LARGEST_STD:
        raise OptionError(
            f"--mean and --std are for pixel values that were divided by white, in [0, 1], got "
            f"{mean} and {std}: divide both by {EIGHT_BITS} if they are for values of 0-255"
        )
    return mean, std


def _for_each(
    values: tuple[float, ...] | None, option: str, count: int
) -> tuple[float, ...] | None:
    if values is None:
        return None
    if len(values) not in (1, count) or not all(map(math.isfinite, values)):
        raise OptionError(
            f"{option}: expected one number or {count}, one for each channel, got {values}"
        )
    return values * (count // len(values))


def _shown(wanted: tuple[int, ...] | None, colour: Colour, count: int) -> tuple[int, int, int]:
    if wanted is None:
        return usual_shown(colour, count)
    if colour != "channels":
        raise OptionError(
            f"--show-channels is for networks of 2 or more than 3 channels, this takes {colour}"
        )
    if len(wanted) not in (1, 3) or not all(0 <= channel < count for channel in wanted):
        raise OptionError(
            f"--show-channels: expected one channel, or three for red, green and blue, of 0 to "
            f"{count - 1}, got {wanted}"
        )
    red, green, blue = wanted * (3 // len(wanted))
    return red, green, blue
