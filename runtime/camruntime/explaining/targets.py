"""Which classes are explained: from what the caller calls them to indices."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from camruntime._text import named, shown
from camruntime.errors import TargetError, nearest
from camruntime.maps import FloatArray

Target = int | str
"""A class, by index or by label."""

_NONE = object()


@dataclass(frozen=True)
class Wanted:
    """The classes of one photograph that are explained.

    Attributes:
        choices: for each explanation, indices of the classes that may be meant; of several the one
            with the highest logit is. Empty means any, which makes it the top class.
        several: whether the answer is a list.
    """

    choices: tuple[tuple[int, ...], ...]
    several: bool = False

    def indices(self, logits: FloatArray) -> tuple[int, ...]:
        """One class for each choice, once the logits `(classes,)` are known."""
        return tuple(
            max(choice, key=logits.__getitem__) if choice else int(logits.argmax())
            for choice in self.choices
        )


def wanted(target: object, labels: Sequence[str]) -> Wanted:
    """What `target` means: an index, a label, None for the top class, or a list of them.

    Raises:
        TargetError: no such class, or a label that several classes share.
    """
    several = isinstance(target, (list, tuple))
    choices = [
        () if one is None else (class_index(one, labels),)
        for one in (target if isinstance(target, (list, tuple)) else [target])
    ]
    return Wanted(tuple(choices), several)


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
    each = [tuple(one) if isinstance(one, list) else one for one in target]  # as they are now
    return _paired(images, each)


def class_index(target: object, labels: Sequence[str]) -> int:
    """The index of `target`, an index in `[0, len(labels))` or one of `labels`.

    Raises:
        TargetError: no such class, or a label that several classes share.
    """
    if isinstance(target, str):
        said = f"'{named(target)}'"
        matches = [index for index, label in enumerate(labels) if label == target]
        if not matches:
            raise TargetError(f"no class is labelled {said}: {nearest(target, labels)}")
        if len(matches) > 1:
            raise TargetError(f"classes {matches} are all labelled {said}: give the index")
        return matches[0]
    try:
        if isinstance(target, (bool, np.bool_)):
            raise TypeError
        index = operator.index(target)  # type: ignore[arg-type]  # it says what is none
    except TypeError as error:
        came = type(target).__name__
        raise TargetError(
            f"expected a class index or a label, got {came} {shown(target)}"
        ) from error
    if not 0 <= index < len(labels):
        raise TargetError(f"class {shown(index)} does not exist: expected 0 to {len(labels) - 1}")
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
