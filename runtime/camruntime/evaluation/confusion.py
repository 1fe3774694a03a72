"""What the network took for what, and which pictures it got wrong: misses first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from camruntime.evaluation.inspection import Confusion, Mistake, MistakeKind
from camruntime.evaluation.row import Row

KINDS: tuple[MistakeKind, ...] = ("miss", "false alarm", "confusion")


def confusion_of(rows: Iterable[Row], labels: Sequence[str], good: int | None) -> Confusion | None:
    """The matrix of samples whose class is known; None where none is.

    Args:
        rows: one of each sample.
        labels: the network's.
        good: index of the class of good parts.
    """
    known = [row for row in rows if row.right is not None]
    if not known:
        return None
    counts = Counter((_truth(row, labels), row.predicted) for row in known)
    right = Counter((_truth(row, labels), row.predicted) for row in known if row.right)
    truths = _ordered({truth for truth, _ in counts}, labels)
    seen = sorted({predicted for _, predicted in counts} | _indices(truths, labels))
    return Confusion(
        truths=truths,
        predicted=tuple(labels[index] for index in seen),
        counts=tuple(tuple(counts[truth, index] for index in seen) for truth in truths),
        right=tuple(tuple(right[truth, index] for index in seen) for truth in truths),
        mistakes=_mistakes(known, labels, good),
    )


def _truth(row: Row, labels: Sequence[str]) -> str:
    """The class's label; where it may be several of the network's, what the data set calls it."""
    if len(row.classes) == 1:
        return labels[row.classes[0]]
    return row.category or "any defect"


def _ordered(names: set[str], labels: Sequence[str]) -> tuple[str, ...]:
    """In the order of the network's classes; the data set's own names after them."""
    places = {label: place for place, label in enumerate(labels)}
    return tuple(sorted(names, key=lambda name: (places.get(name, len(places)), name)))


def _indices(names: Sequence[str], labels: Sequence[str]) -> set[int]:
    return {index for index, label in enumerate(labels) if label in names}


def _mistakes(rows: Sequence[Row], labels: Sequence[str], good: int | None) -> tuple[Mistake, ...]:
    """Misses first, then false alarms; of each kind the surest first."""
    found = [
        Mistake(
            kind=_kind(row, good),
            sample=row.sample,
            truth=_truth(row, labels),
            predicted=labels[row.predicted],
            probability=row.probability,
        )
        for row in rows
        if not row.right
    ]
    return tuple(
        sorted(found, key=lambda one: (KINDS.index(one.kind), one.probability, one.sample))
    )


def _kind(row: Row, good: int | None) -> MistakeKind:
    if row.good is False and row.predicted == good:
        return "miss"
    return "false alarm" if row.good else "confusion"
