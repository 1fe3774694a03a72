"""From a data set's class names to the network's labels."""

from __future__ import annotations

from collections.abc import Sequence

from camruntime.datasets._found import brief
from camruntime.errors import DatasetError, nearest


def match_class(name: str, labels: Sequence[str]) -> int | None:
    """The index of the network's class called `name`; None where there is none.

    A label matches as it is, then in any case; a decimal text that is no label is an index; last,
    `name` may be one of a label's synonyms, `Tinca tinca` of `tench, Tinca tinca`.

    Raises:
        DatasetError: `name` means several classes.
    """
    folded = [label.casefold() for label in labels]
    wanted = name.strip().casefold()
    for known, sought in ((labels, name), (folded, wanted)):
        matches = [index for index, label in enumerate(known) if label == sought]
        if matches:
            return _only(matches, name)
    if name.isdecimal():
        return int(name) if int(name) < len(labels) else None
    matches = [index for index, label in enumerate(folded) if wanted in synonyms(label)]
    return _only(matches, name) if matches else None


def is_number(name: str, labels: Sequence[str]) -> bool:
    """Whether `name` matches as an index, not as a label."""
    return name.isdecimal() and name not in labels


def unmatched(name: str, labels: Sequence[str]) -> str:
    """What is to be said of a class that is none of the network's, and the labels nearest to it."""
    if name.isdecimal():
        return (
            f"class {brief(name)} is no index of the network's classes, 0 to {len(labels) - 1}, "
            "and no label"
        )
    known = [synonym for label in labels for synonym in synonyms(label)]
    hint = nearest(name, known).rstrip("?")
    return f"class '{brief(name)}' is none of the network's labels ({hint})"


def synonyms(label: str) -> list[str]:
    """The names in a label that lists several, split at commas."""
    return [part.strip() for part in label.split(",")]


def _only(matches: Sequence[int], name: str) -> int:
    if len(matches) > 1:
        raise DatasetError(
            f"the data set's class '{name}' may be any of the network's classes {list(matches)}: "
            "write the index instead, or give a class map"
        )
    return matches[0]
