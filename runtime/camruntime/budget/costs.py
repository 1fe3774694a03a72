"""What explanations cost on one machine: measured for each kind of question, added up by method."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from camruntime.budget.measuring import PASS, PASS_WITH_CELLS, Curve, measure
from camruntime.budget.pace import Pace
from camruntime.budget.rehearsal import Rehearsed, of_layer, rehearse
from camruntime.bundle import Manifest
from camruntime.engine import OnnxGraphs
from camruntime.errors import MethodError
from camruntime.explaining import Asked
from camruntime.methods import Method, preferred

_MIB = 2**20
_TAILS = {
    "logits_of_masked_activations",
    "logits_of_ablated_channels",
    "logits_of_single_cells",
    "logits_of_layer",
}
"""Questions that no pass of the whole network answers."""


class Estimate(NamedTuple):
    """What an explanation will cost.

    Attributes:
        milliseconds: from the prepared photograph to the map, on a machine as busy as when it was
            measured.
        megabytes: MiB that its perturbed copies take at once, beside open sessions and a plain
            pass; None where nobody can tell (`camruntime.budget.memory`).
        passes: through the network, or gradients.
        chunk: how many copies are computed at once; None leaves it to the engine.
    """

    milliseconds: float
    megabytes: float | None
    passes: int
    chunk: int | None = None


@dataclass(frozen=True)
class Costs:
    """Measured when they are first needed, and kept.

    Attributes:
        graphs: the network.
        pace: how busy the machine is now, as against when this was measured.
    """

    graphs: OnnxGraphs
    pace: Pace = field(default_factory=Pace)
    _curves: dict[str, Curve] = field(default_factory=dict)
    _rehearsed: dict[tuple[Method, tuple[Asked, ...], bool], Rehearsed] = field(
        default_factory=dict
    )
    _prepared: dict[tuple[tuple[Method, ...], tuple[Asked, ...]], None] = field(
        default_factory=dict
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def prepare(self, methods: Sequence[Method], asked: Sequence[Asked]) -> None:
        """Measure what is still unknown of these methods, and leave their sessions open.

        Args:
            methods: the best first, as of a policy: all but the first may have to explain a pass
                that was made for one before.
            asked: what they explain.

        Raises:
            MethodError: one of them cannot be rehearsed.
            CamError: as of the graphs.
        """
        wanted = _key(methods, asked)
        if wanted in self._prepared:
            return  # whoever has a budget does not wait while others measure something else
        with self._lock:
            kinds = {PASS}
            for place, method in enumerate(methods):
                kinds.add(_pass_of(method))
                for cells in (True, False) if place else (True,):
                    known = self._rehearsal(method, asked, cells)
                    kinds.update(one.kind for one in known.questions)
            new = [kind for kind in sorted(kinds) if kind not in self._curves]
            self._curves.update(measure(self.graphs, new))
            self._prepared[wanted] = None

    def prepare_as(self, other: Costs) -> None:
        """Measure for this network what was measured for another; nothing if nothing was.

        What this one cannot be asked is left out: graphs or classes that it does not have.
        """
        manifest = self.graphs.engine.bundle.manifest
        for methods, asked in [*other._prepared]:  # at once: threads may add to it
            those = [one for one in methods if one.needs <= manifest.graphs.keys()]
            if those and _are_classes(asked, manifest.classes):
                self.prepare(those, asked)

    def estimate(
        self,
        method: Method,
        asked: Sequence[Asked],
        megabytes: float | None = None,
        after_pass: bool = False,
    ) -> Estimate:
        """What a method costs, once it is prepared.

        Args:
            method: the method.
            asked: what it explains.
            megabytes: as few copies at once as fit into so many MiB.
            after_pass: the plain pass was made already, without single cells.

        Returns:
            An estimate that may need more than `megabytes`, if a single copy does.
        """
        known = self._rehearsal(method, asked, cells=not after_pass)
        chunk = self._chunk(known, megabytes)
        own = known.seconds + sum(
            self._curves[one.kind].seconds(one.rows, chunk) for one in known.questions
        )
        seconds = _stopped(method, own, self._longest(known, chunk))
        if not after_pass:
            seconds += self._curves[_pass_of(method)].seconds(1, None)
        return Estimate(
            milliseconds=1e3 * seconds,
            megabytes=self._megabytes(known, chunk),
            passes=sum(one.rows for one in known.questions if _is_pass(one.kind))
            + (not after_pass),
            chunk=chunk,
        )

    def longest_ms(self, method: Method, asked: Sequence[Asked], chunk: int | None) -> float:
        """The longest run of a graph, which nothing interrupts, in milliseconds."""
        return 1e3 * self._longest(self._rehearsal(method, asked, cells=True), chunk)

    def _longest(self, known: Rehearsed, chunk: int | None) -> float:
        each = (self._curves[one.kind].longest(one.rows, chunk) for one in known.questions)
        return max(each, default=0.0)

    def _rehearsal(self, method: Method, asked: Sequence[Asked], cells: bool) -> Rehearsed:
        comes = cells and "cells" in preferred([method])
        key = (method, _kinds(asked), comes)
        if key not in self._rehearsed:
            manifest = self.graphs.engine.bundle.manifest
            self._rehearsed[key] = rehearse(method, manifest, key[1], comes)
        return self._rehearsed[key]

    def _chunk(self, known: Rehearsed, megabytes: float | None) -> int | None:
        """The largest that fits, of halves of what is usual."""
        if megabytes is None:
            return self.graphs.chunk
        chunk = max((self._curves[one.kind].chunk for one in known.questions), default=1)
        while chunk > 1 and (self._megabytes(known, chunk) or 0) > megabytes:
            chunk //= 2
        return chunk

    def _megabytes(self, known: Rehearsed, chunk: int | None) -> float | None:
        most: dict[str, float] = {}
        for kind, rows in known.questions:
            taken = self._curves[kind].bytes(rows, chunk)
            if taken is None:
                return None
            most[kind] = max(most.get(kind, 0.0), taken)
        return sum(most.values()) / _MIB

    @property
    def measured(self) -> Mapping[str, Curve]:
        """Each kind of question that was measured."""
        return self._curves


def _key(
    methods: Sequence[Method], asked: Sequence[Asked]
) -> tuple[tuple[Method, ...], tuple[Asked, ...]]:
    """By what costs are kept.

    Raises:
        MethodError: a method's costs cannot be kept, as it may change.
    """
    for method in methods:
        try:
            hash(method)
        except TypeError as error:
            raise MethodError(
                f"what {type(method).__name__} costs cannot be kept, as it may change: make it a "
                "@dataclass(frozen=True) of numbers and texts, or explain without a budget"
            ) from error
    return tuple(methods), _kinds(asked)


def _kinds(asked: Sequence[Asked]) -> tuple[Asked, ...]:
    """What costs the same: which class it is does not matter, but beside contrasts of classes."""
    alone = all(isinstance(one, int) for one in asked)
    return tuple(0 if alone else one for one in asked)


def _are_classes(asked: Sequence[Asked], classes: int) -> bool:
    contrasts = [one for one in asked if not isinstance(one, int)]
    return all(max((*one.classes, one.against)) < classes for one in contrasts)


def _pass_of(method: Method) -> str:
    return PASS_WITH_CELLS if "cells" in preferred([method]) else PASS


def passes_of(method: Method, manifest: Manifest) -> int:
    """Passes and gradients that a class's map takes beside the plain pass.

    Raises:
        MethodError: as of `rehearse`.
    """
    asked = rehearse(method, manifest, [0], cells=True).questions
    return sum(rows for kind, rows in asked if _is_pass(kind))


def _is_pass(kind: str) -> bool:
    """Whether a kind of question takes a pass of the whole network, or a gradient."""
    return of_layer(kind)[0] not in _TAILS


def _stopped(method: Method, seconds: float, longest: float) -> float:
    """Of a method that stops by the clock: then, and what it is about at that moment."""
    limit = float(getattr(method, "milliseconds", float("inf"))) / 1e3
    return min(seconds, limit + longest)
