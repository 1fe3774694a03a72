"""The user's own network: `package.module:callable`."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from torch import nn

from camexport.errors import UnknownModelError, UnsupportedError, one_line
from camexport.models._architecture import Architecture, assumed_input
from camexport.models.timm_models import PREFIX
from camexport.tracing import in_one_line
from camruntime.errors import nearest

_ORDINARY = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)


def is_own(name: str) -> bool:
    """Whether `name` is `package.module:callable`; `timm:NAME` is timm's."""
    return ":" in name and not name.startswith(PREFIX)


def find(name: str, arguments: Mapping[str, str]) -> Architecture:
    """The network that `package.module:callable` returns.

    It is imported here: the current directory is searched too, as `python -m` does, but only while
    the module is imported and the callable runs. What other packages import later on is not looked
    for there.

    Args:
        name: of the callable.
        arguments: by name, as Python literals; what is no literal is text.

    Raises:
        UnknownModelError: the module or the callable does not exist, or does not take `arguments`.
    """
    module_name, _, attribute = name.partition(":")
    function = _import(module_name, attribute)
    values = {key: _literal(text) for key, text in arguments.items()}

    def make(_classes: int | None = None) -> nn.Module:
        try:
            with _current_directory():
                network = function(**values)
        except TypeError as error:
            given = ", ".join(f"{key}={value!r}" for key, value in values.items())
            raise UnknownModelError(
                f"{name}({given}) failed: {one_line(error)}; see --arg"
            ) from error
        except Exception as error:  # whatever the user's own code raises
            raise UnknownModelError(f"{name} failed: {in_one_line(error)}") from error
        if not isinstance(network, nn.Module):
            raise UnknownModelError(
                f"'{name}' returned {type(network).__name__}: expected a torch.nn.Module"
            )
        _require_one_input(network, name)
        return network

    return Architecture(
        name=name,
        make=make,
        publish=make,
        weights_name=f"as {attribute} returned it",
        input=assumed_input((224, 224)),
        input_assumed=True,
        labels=(),
        channels=None,
    )


def _require_one_input(network: nn.Module, name: str) -> None:
    parameters = inspect.signature(network.forward).parameters.values()
    needed = [one for one in parameters if one.default is one.empty and one.kind in _ORDINARY]
    if len(needed) > 1:
        raise UnsupportedError(
            f"the network of {name} takes {len(needed)} inputs, "
            f"{', '.join(one.name for one in needed)}: expected images alone; wrap it in a module "
            "that gives it the others"
        )


def _literal(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _import(module_name: str, attribute: str) -> Callable[..., object]:
    try:
        with _current_directory():
            module = importlib.import_module(module_name)
    except Exception as error:  # whatever the module's own code raises
        raise UnknownModelError(f"cannot import '{module_name}': {one_line(error)}") from error
    function = getattr(module, attribute, None)
    if not callable(function):
        known = [name for name in vars(module) if callable(vars(module)[name])]
        raise UnknownModelError(
            f"'{module_name}' has no callable '{attribute}': {nearest(attribute, known)}"
        )
    return function  # type: ignore[no-any-return]  # any callable may be tried


@contextmanager
def _current_directory() -> Iterator[None]:
    """Modules are looked for in the current directory first."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        if here in sys.path:  # the module may have changed it
            sys.path.remove(here)
