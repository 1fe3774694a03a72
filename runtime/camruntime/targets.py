"""From what the caller calls a class to its index."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from camruntime.errors import TargetError, nearest

Target = int | str
"""A class, by index or by label."""


def class_index(target: Target, labels: Sequence[str]) -> int:
    """The index of `target`, an index in `[0, len(labels))` or one of `labels`.

    Raises:
        TargetError: no such class, or a label that several classes share.
    """
    if isinstance(target, str):
        matches = [index for index, label in enumerate(labels) if label == target]
        if not matches:
            raise TargetError(f"no class is labelled '{target}': {nearest(target, labels)}")
        if len(matches) > 1:
            raise TargetError(f"classes {matches} are all labelled '{target}': give the index")
        return matches[0]
    try:
        index = operator.index(target)
    except TypeError as error:
        came = type(target).__name__
        raise TargetError(f"expected a class index or a label, got {came} {target!r}") from error
    if not 0 <= index < len(labels):
        raise TargetError(f"class {index} does not exist: expected 0 to {len(labels) - 1}")
    return index
