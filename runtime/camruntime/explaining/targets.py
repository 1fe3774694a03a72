"""Which classes are explained: from what the caller calls them to indices."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from camruntime._text import named, shown
from camruntime.bundle import Answer
from camruntime.errors import TargetError, nearest
from camruntime.explaining.contrasting import Versus
from camruntime.maps import FloatArray

_USUAL = Answer()


@dataclass(frozen=True)
class Contrast:
    """One class rather than another: the difference of their logits.

    Attributes:
        target: a class, by index or label; None for all others together, their log-odds.
        against: the class that it is held against; None for that of good parts, which the bundle
            names (`camexport build --good`).
    """

    target: int | str | None = None
    against: int | str | None = None


Target = int | str | Contrast
"""A class, by index or by label; or a contrast, also as a text: `scratch-good`, `not good`."""

_NONE = object()


@dataclass(frozen=True)
class Wanted:
    """The classes of one photograph that are explained.

    Attributes:
        choices: for each explanation, indices of the classes that may be meant; of several the one
            with the highest logit is. Empty means any, which makes it the top class.
        several: whether the answer is a list.
        contrasts: for each explanation, what is explained in the place of the class that is meant;
            None, or nothing for all of them, for the class itself.
    """

    choices: tuple[tuple[int, ...], ...]
    several: bool = False
    contrasts: tuple[Versus | None, ...] = ()

    def indices(self, logits: FloatArray) -> tuple[int, ...]:
        """One class for each choice, once the logits `(classes,)` are known."""
        return tuple(
            max(choice, key=logits.__getitem__) if choice else int(logits.argmax())
            for choice in self.choices
        )

    def contrast(self, row: int) -> Versus | None:
        """What is explained in the place of the class of this row."""
        return self.contrasts[row] if self.contrasts else None


def wanted(
    target: object, labels: Sequence[str], answer: Answer = _USUAL, good: int | None = None
) -> Wanted:
    """What `target` means: a class, a contrast, None for the top class, or a list of them.

    Args:
        target: what the caller calls it.
        labels: of the network's classes.
        answer: what its logits mean.
        good: the class of good parts, where the bundle names it.

    Raises:
        TargetError: no such class, a label that several classes share, or a contrast that this
            network's `answer` has not.
    """
    several = isinstance(target, (list, tuple))
    each = [
        ((), None) if one is None else _meant(one, labels, answer, good)
        for one in (target if isinstance(target, (list, tuple)) else [target])
    ]
    contrasts = tuple(contrast for _, contrast in each)
    return Wanted(tuple(choice for choice, _ in each), several, contrasts if any(contrasts) else ())


def _meant(
    target: object, labels: Sequence[str], answer: Answer, good: int | None
) -> tuple[tuple[int, ...], Versus | None]:
    """The classes that may be meant, and the contrast with another one if it is one."""
    contrast = target if isinstance(target, Contrast) else _as_contrast(target, labels, good)
    if contrast is None:
        return (class_index(target, labels),), None
    if contrast.against is None and good is None:
        raise TargetError(
            f"a contrast names the class that it is against, got {shown(contrast)}: say "
            "Contrast('scratch', 'good'), Contrast(against='good') for all but good, or build the "
            "bundle with --good LABEL"
        )
    against = class_index(good if contrast.against is None else contrast.against, labels)
    others = tuple(one for one in range(len(labels)) if one != against)
    if contrast.target is not None:
        others = (class_index(contrast.target, labels),)
        if others == (against,):
            raise TargetError(f"a contrast is of two classes, got '{labels[against]}' twice")
    if answer.one_logit:
        return others, None  # whose score is its lead over the other one
    if contrast.target is None and answer.probabilities == "none":
        raise TargetError(
            "this network's answers are no logits, so nothing is the log-odds of "
            f"'not {named(labels[against])}': name a class for the contrast"
        )
    alone = contrast.target is None and answer.probabilities == "sigmoid"
    return others, Versus(() if alone else others, against)


def _as_contrast(target: object, labels: Sequence[str], good: int | None) -> Contrast | None:
    """What a text that is no label means: `not B`, `A-B`; None for everything else.

    `not good` is not the class of good parts that the bundle names, whatever its label.

    Raises:
        TargetError: it can be read in two ways.
    """
    if not isinstance(target, str) or target in labels:
        return None
    if target == "not good" and good is not None:
        if "good" in labels and labels[good] != "good":
            raise TargetError(
                f"'not good' is not '{named(labels[good])}', which the bundle names as good, or "
                "not the class 'good': say Contrast(against=...) with an index or a label"
            )
        return Contrast(None, good)
    if target.startswith("not ") and _is_class(target[4:], labels):
        return Contrast(None, _class(target[4:]))
    places = [at for at, character in enumerate(target) if character == "-"]
    pairs = [(target[:at], target[at + 1 :]) for at in places]
    found = [pair for pair in pairs if all(_is_class(one, labels) for one in pair)]
    if len(found) > 1:
        ways = " or ".join(f"'{one}' rather than '{other}'" for one, other in found)
        raise TargetError(f"'{named(target)}' is {ways}: say Contrast(one, other), or indices")
    return Contrast(*map(_class, found[0])) if found else None


def _is_class(text: str, labels: Sequence[str]) -> bool:
    return text in labels or (text.isdecimal() and len(text) <= 18)


def _class(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


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
