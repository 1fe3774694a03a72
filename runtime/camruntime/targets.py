"""From what the caller calls a class to its index."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import zip_longest

from camruntime.errors import TargetError, nearest

Target = int | str
"""A class, by index or by label."""


_NONE = object()


def by_image(images: Iterable[object], target: object) -> Iterator[tuple[object, object]]:
    """Every image with its target: that of its place in a list, or the only one there is.

    Raises:
        TargetError: there are not as many targets as images; at once where images can be counted,
            else when one side ends.
    """
    if not isinstance(target, (list, tuple)):
        return ((image, target) for image in images)
    if isinstance(images, Sized) and len(images) != len(target):
        raise _unmatched(f"{len(images)} images and {len(target)} targets")
    return _paired(images, target)


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


def _paired(images: Iterable[object], targets: Sequence[object]) -> Iterator[tuple[object, object]]:
    for image, target in zip_longest(images, targets, fillvalue=_NONE):
        if image is _NONE or target is _NONE:
            raise _unmatched(f"{'fewer' if image is _NONE else 'more'} images than targets")
        yield image, target


def _unmatched(found: str) -> TargetError:
    return TargetError(
        f"{found}: give one target per image (itself a list for several classes of one image), or "
        "a single one for all"
    )
