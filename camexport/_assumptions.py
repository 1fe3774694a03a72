"""What a build has to assume of a network's preprocessing, as nobody says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from camexport.models import Architecture
from camruntime.bundle import Assumed, Colour, ResizeMode

if TYPE_CHECKING:
    from camexport.build import BuildOptions

_WITHOUT_A_FILE = ("default", "random")


def assumed_fields(
    architecture: Architecture, options: BuildOptions, colour: Colour, resize: ResizeMode
) -> tuple[Assumed, ...]:
    """Fields of `Input` that neither `options` nor the weights or file tell.

    The publisher's weights tell all, and random ones expect nothing. A state dict tells nothing: it
    may have been trained otherwise than the publisher's.

    Args:
        architecture: the network, before its weights are chosen.
        options: what was given.
        colour: what the channels are. Only three can be in another order than is usual.
        resize: how a photograph is brought to the input's size.
    """
    if not architecture.input_assumed and options.weights in _WITHOUT_A_FILE:
        return ()
    plain = architecture.white is not None
    told: dict[Assumed, bool] = {
        "size": architecture.size_fixed or options.size is not None,
        "mean": plain or options.mean is not None,
        "std": plain or options.std is not None,
        "colour": colour not in ("RGB", "BGR") or options.colour is not None,
        "resize": options.resize is not None,
        "shorter_side": resize != "centre-crop" or options.shorter_side is not None,
        "full_scale": plain or options.full_scale is not None,
    }
    return tuple(name for name, known in told.items() if not known)
