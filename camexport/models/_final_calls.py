"""The calls that a network's answer may come out of, watched and left out by what they give.

Whatever made them: a module, a function, an operator of an ONNX file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

Activation = Literal["softmax", "sigmoid"]
_NAMES: dict[str, Activation] = {
    "softmax": "softmax",
    "special_softmax": "softmax",
    "log_softmax": "softmax",
    "special_log_softmax": "softmax",
    "sigmoid": "sigmoid",
    "special_expit": "sigmoid",
}
"""Functions by name; PyTorch's operators add underscores and overloads to them."""
_DECIDING = {
    *("topk", "sort", "msort", "kthvalue", "max", "min", "amax", "amin", "argmax", "argmin"),
    *("argsort", "median", "nanmedian", "mode", "one_hot"),
}
"""Functions behind which, of logits `(n, classes)`, there are classes and no logits any more."""


@dataclass(frozen=True, eq=False)
class Call:
    """A softmax or sigmoid, and what it gave."""

    kind: Activation
    given: Tensor


class Recorder(TorchFunctionMode):
    """Notes what softmaxes and sigmoids give, in the order of their calls, and what was decided.

    Attributes:
        calls: of softmaxes and sigmoids.
        decided: names of functions that choose among values `(n, classes)`, and what they chose.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.decided: list[tuple[str, Tensor]] = []

    def __torch_function__(
        self,
        function: Callable[..., Any],
        _types: Sequence[type],
        arguments: tuple[Any, ...] = (),
        keywords: dict[str, Any] | None = None,
    ) -> Any:
        given = function(*arguments, **(keywords or {}))
        kind = _kind(function)
        if kind is not None:
            self.calls.append(Call(kind, given.detach().clone()))
        name = _name(function)
        if name in _DECIDING and _are_rows(*arguments[:1]):
            parts = given if isinstance(given, tuple) else (given,)
            self.decided += [(name, one.detach().clone()) for one in parts]
        return given


class _Skipper(TorchFunctionMode):
    """Lets the softmax or sigmoid of number `place` give what it is given."""

    def __init__(self, place: int) -> None:
        self._left = place

    def __torch_function__(
        self,
        function: Callable[..., Any],
        _types: Sequence[type],
        arguments: tuple[Any, ...] = (),
        keywords: dict[str, Any] | None = None,
    ) -> Any:
        if _kind(function) is not None:
            self._left -= 1
            if self._left == -1:
                return arguments[0] if arguments else (keywords or {})["input"]
        return function(*arguments, **(keywords or {}))


class Skipped:
    """Hooks that run a network with a `_Skipper`."""

    def __init__(self, place: int) -> None:
        self._place = place
        self._running: list[_Skipper] = []

    def begin(self, _module: nn.Module, _inputs: object) -> None:
        mode = _Skipper(self._place)
        mode.__enter__()  # type: ignore[no-untyped-call]
        self._running.append(mode)

    def end(self, _module: nn.Module, _inputs: object, _output: object) -> None:
        self._running.pop().__exit__(None, None, None)  # type: ignore[no-untyped-call]


def _kind(function: Callable[..., Any]) -> Activation | None:
    return _NAMES.get(_name(function))


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", "").partition(".")[0].strip("_")


def _are_rows(value: object = None) -> bool:
    return isinstance(value, Tensor) and value.ndim == 2
