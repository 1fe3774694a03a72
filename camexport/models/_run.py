"""Run a network on images, as a user's code would."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from camexport.errors import ExportError, UnsupportedError
from camexport.tracing import in_one_line


def run(network: nn.Module, images: Tensor) -> Any:
    """What `network` returns for `images` `(n, channels, H, W)`, whatever that is.

    Raises:
        UnsupportedError: it does not run on them; in one line, with the line of its own code.
    """
    try:
        with torch.no_grad():
            return network(images)
    except ExportError:  # ours, of an output that does not exist
        raise
    except Exception as error:  # whatever a network raises
        count, channels, height, width = images.shape
        raise UnsupportedError(
            f"the network does not run on {count} image{'s' if count > 1 else ''} of "
            f"{height}x{width} with {channels} channel{'s' if channels > 1 else ''}: "
            f"{in_one_line(error)}; try another --size"
        ) from error
