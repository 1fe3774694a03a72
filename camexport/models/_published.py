"""Publishers' weights, read as tensors alone: a file in a cache is a file like any other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pickle import UnpicklingError

from camexport.errors import DownloadError, one_line

_SWITCH = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"  # torch.hub, and so torchvision, asks for all of a pickle


@contextmanager
def published(weights: str) -> Iterator[None]:
    """Let a library fetch and read `weights`; nothing that it reads runs code.

    Raises:
        DownloadError: they cannot be had, or are not what was published.
    """
    before = os.environ.get(_SWITCH)
    os.environ[_SWITCH] = "1"
    try:
        yield
    except UnpicklingError as error:
        raise DownloadError(
            f"the file of {weights} in the cache holds other objects than tensors, which are not "
            "loaded, as they may run code: remove it, so that it is downloaded again"
        ) from error
    except (OSError, RuntimeError) as error:
        raise DownloadError(
            f"{weights} could not be downloaded ({one_line(error)}): without a network say "
            "--weights PATH with a state dict that you have, or --weights random"
        ) from error
    finally:
        if before is None:
            del os.environ[_SWITCH]
        else:
            os.environ[_SWITCH] = before
