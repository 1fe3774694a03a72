"""Runs that are recorded once and repeated, on memory that stays.

A device spends much of a small network's time on being told what to do next: a pass is a hundred
launches and more. A recorded run is launched as a whole, but on the very memory that it was
recorded with, so it has its own, which is filled in place before it is repeated.

Recorded is what comes a second time: the same graph with as many rows. The first recording of each
is compared with a plain run on what it was not recorded with; where it differs, as where a provider
reads an input only when it is bound, that graph is run plainly from then on, which a log line says.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from camruntime._text import last_line
from camruntime.engine.device_value import DeviceValue
from camruntime.engine.session import Array, Session, Value, recorded, room_for, run_bound, upload

_log = logging.getLogger("camruntime")

SIZES = 4
"""Of how many sizes a graph is recorded: each takes memory that stays."""

_ROUNDING = 1e-5
"""How far a repeated run may be off a plain one, over the largest value."""

Inputs = Mapping[str, "Array | DeviceValue"]


class RecordedRun:
    """One run of a session, on memory of its own.

    Args:
        session: records runs.
        number: of this one among the session's.
        inputs: of the same shapes and types as those of every repetition: arrays, copies of
            arrays, and memory of other recorded runs, which is read where it is.
        outputs: what a plain run put out, by name.
        place: where tensors lie.
    """

    def __init__(
        self,
        session: Session,
        number: int,
        inputs: Inputs,
        outputs: Mapping[str, Value],
        place: tuple[str, int],
    ) -> None:
        self._inputs = {name: _memory(value, place) for name, value in inputs.items()}
        self._filled: dict[str, DeviceValue] = {}
        self.outputs = {name: room_for(value, place) for name, value in outputs.items()}
        self._repeat = recorded(session, self._inputs, self.outputs, number)
        self._repeat()

    def run(self, inputs: Inputs) -> list[Value]:
        """Its outputs, in order, for these inputs: there until it runs again."""
        for name, value in inputs.items():
            if _is_kept(value) or self._filled.get(name) is value:
                continue
            self._inputs[name].update_inplace(np.ascontiguousarray(_source(value)))
            if isinstance(value, DeviceValue):
                self._filled[name] = value
        self._repeat()
        return [*self.outputs.values()]


class Recorder:
    """The recorded runs of an engine. Whoever calls it has the engine's turn."""

    def __init__(self, place: tuple[str, int]) -> None:
        self._place = place
        self._runs: dict[str, dict[object, RecordedRun | None]] = {}
        self._plain: set[str] = set()

    def run(
        self, name: str, session: Session, inputs: Inputs, outputs: Sequence[str]
    ) -> tuple[Sequence[Value], bool]:
        """The graph's outputs in order, and whether they are memory of a recorded run."""
        runs, key = self._runs.setdefault(name, {}), _key(inputs)
        run = runs.get(key)
        if run is not None:
            return run.run(inputs), True
        plain = run_bound(session, tensors(inputs), outputs, self._place, recording=True)
        if name in self._plain or not _can_be_filled(inputs):
            return plain, False
        if key in runs or any(map(_is_kept, inputs.values())):
            return self._record(name, session, inputs, dict(zip(outputs, plain, strict=True)))
        if len(runs) < SIZES:
            runs[key] = None  # what comes once may not come again
        return plain, False

    def _record(
        self, name: str, session: Session, inputs: Inputs, plain: Mapping[str, Value]
    ) -> tuple[Sequence[Value], bool]:
        runs = self._runs[name]
        try:
            number = sum(run is not None for run in runs.values())
            run = RecordedRun(session, number, inputs, plain, self._place)
            found = run.run(inputs)
            if not all(map(_same, found, plain.values())):
                raise RuntimeError("a repeated run differs from a plain one")
        except Exception as error:  # ONNX Runtime's errors share no base below Exception
            self._plain.add(name)
            _log.info("runs of graph '%s' are not recorded: %s", name, last_line(error))
            return [*plain.values()], False
        runs[_key(inputs)] = run
        return found, True

    def clear(self) -> None:
        """Give the memory back; before the sessions."""
        self._runs.clear()


def tensors(inputs: Inputs) -> dict[str, Array | Value]:
    """Inputs as a plain run takes them."""
    return {
        name: value.tensor if isinstance(value, DeviceValue) else value
        for name, value in inputs.items()
    }


def _is_kept(value: Array | DeviceValue) -> bool:
    return isinstance(value, DeviceValue) and value.kept


def _source(value: Array | DeviceValue) -> Array | None:
    """The array that a run's memory is filled with; None where there is none."""
    return value.source if isinstance(value, DeviceValue) else value


def _can_be_filled(inputs: Inputs) -> bool:
    """False for what a plain run put out: it would have to go through the host."""
    return all(_is_kept(value) or _source(value) is not None for value in inputs.values())


def _memory(value: Array | DeviceValue, place: tuple[str, int]) -> Value:
    """What a recorded run reads: zeros for now, or memory of another one."""
    if isinstance(value, DeviceValue) and value.kept:
        return value.tensor
    return upload(np.zeros_like(_source(value)), place)


def _key(inputs: Inputs) -> object:
    """Equal for what one recorded run may repeat."""
    return tuple((name, _shape(value)) for name, value in inputs.items())


def _shape(value: Array | DeviceValue) -> object:
    if isinstance(value, DeviceValue):
        tensor: Value = value.tensor
        return id(tensor) if value.kept else (*tensor.shape(), tensor.data_type())
    return (*value.shape, str(value.dtype))


def _same(found: Value, plain: Value) -> bool:
    one, other = found.numpy(), plain.numpy()
    scale = float(np.nan_to_num(np.abs(other), posinf=0.0).max(initial=0.0))
    return bool(np.allclose(one, other, rtol=0, atol=_ROUNDING * scale, equal_nan=True))
