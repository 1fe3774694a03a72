"""Which of a network's outputs the logits are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from camexport.errors import OptionError


def select_output(network: nn.Module, wanted: str) -> nn.Module:
    """Let `network` return only the output `wanted`: an index, a key, or an attribute's name."""

    def select(_module: nn.Module, _inputs: object, outputs: Any) -> Tensor:
        return _pick(outputs, wanted)

    network.register_forward_hook(select)
    return network


def _pick(outputs: Any, wanted: str) -> Tensor:
    """Raise `OptionError` where there is no such output, or it is no tensor."""
    if isinstance(outputs, Mapping):
        known = {str(key): value for key, value in outputs.items()}
    elif isinstance(outputs, (tuple, list)):
        known = {str(index): value for index, value in enumerate(outputs)}
        known |= {name: getattr(outputs, name) for name in getattr(outputs, "_fields", ())}
    else:
        known = {} if isinstance(outputs, Tensor) else dict(vars(outputs))
    found = known.get(wanted)
    if not isinstance(found, Tensor):
        names = ", ".join(name for name, value in known.items() if isinstance(value, Tensor))
        raise OptionError(
            f"the network has no output '{wanted}': "
            + (f"say --output with one of {names}" if names else "it returns one tensor, no more")
        )
    return found
