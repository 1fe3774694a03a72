"""How many channels a network takes, where only the network itself tells."""

from __future__ import annotations

import torch
from torch import nn

from camexport.errors import OptionError, UnsupportedError, one_line

_COLOURS, _GREY = 3, 1


def input_channels(network: nn.Module, size: tuple[int, int]) -> int:
    """As many as the first convolution takes; else three, or one, whichever it runs on.

    One, too, for a network that repeats a grey image for a convolution of three.

    Args:
        network: in eval mode.
        size: `(H, W)` of the images that it is tried on.

    Raises:
        OptionError: it runs both on the convolution's one or two and on three, as one that
            averages colours.
        UnsupportedError: it runs on neither three nor one.
    """
    convolutions = (module for module in network.modules() if isinstance(module, nn.Conv2d))
    first = next((module.in_channels for module in convolutions), None)
    if first == _COLOURS:  # with one it may run, too, as means of three channels are broadcast
        repeats = _failure(network, _COLOURS, size) and not _failure(network, _GREY, size)
        return _GREY if repeats else _COLOURS
    failed = {count: _failure(network, count, size) for count in (_COLOURS, first or _GREY)}
    works = [count for count, error in failed.items() if error is None]
    if first and first < _COLOURS and len(works) == 2:
        raise OptionError(
            f"the network runs on images of {first} and of {_COLOURS} channels: say which it takes "
            "with --channels"
        )
    if works:
        return works[0]
    said = "; ".join(f"{count}: {error}" for count, error in failed.items())
    raise UnsupportedError(
        f"the network does not run on images of {size[0]}x{size[1]} with {_COLOURS} or "
        f"{first or _GREY} channels ({said}): say --channels, or another --size"
    )


def _failure(network: nn.Module, channels: int, size: tuple[int, int]) -> str | None:
    """Why it does not run on one image; None where it does.

    A file for one image, or another fixed number, runs on other numbers only once it ran on one.
    """
    try:
        with torch.no_grad():
            getattr(network, "run_alone", network)(torch.zeros(1, channels, *size))
    except Exception as error:  # whatever a network raises of an input that it was not made for
        return one_line(error)
    return None
