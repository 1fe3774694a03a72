"""The user's own network: `package.module:callable`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

from torch import nn

from camexport.errors import UnknownModelError
from camexport.models._architecture import IMAGENET_MEAN, IMAGENET_STD, Architecture
from camruntime.bundle import Input
from camruntime.errors import nearest


def find(name: str) -> Architecture | None:
    """The network that `package.module:callable` returns, or None when `name` has no colon.

    The current directory is searched too, as `python -m` does.

    Raises:
        UnknownModelError: the module or the callable does not exist.
    """
    module_name, colon, attribute = name.partition(":")
    if not colon:
        return None
    function = _import(module_name, attribute)

    def make(_classes: int | None = None) -> nn.Module:
        network = function()
        if not isinstance(network, nn.Module):
            raise UnknownModelError(
                f"'{name}' returned {type(network).__name__}: expected a torch.nn.Module"
            )
        return network

    return Architecture(
        name=name,
        make=make,
        publish=make,
        weights_name=f"as {attribute} returned it",
        input=Input(
            size=(224, 224),
            colour="RGB",
            resize="squash",
            shorter_side=None,
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
        ),
        input_assumed=True,
        labels=(),
    )


def _import(module_name: str, attribute: str) -> Callable[[], object]:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise UnknownModelError(f"cannot import '{module_name}': {error}") from error
    function = getattr(module, attribute, None)
    if not callable(function):
        known = [name for name in vars(module) if callable(vars(module)[name])]
        raise UnknownModelError(
            f"'{module_name}' has no callable '{attribute}': {nearest(attribute, known)}"
        )
    return function  # type: ignore[no-any-return]  # any callable may be tried
