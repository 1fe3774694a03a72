"""What good parts are explained for: classes and contrasts, by the texts that mean them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from camruntime.bundle import Manifest
from camruntime.calibration import ByIndex, OfTarget
from camruntime.errors import CalibrationError, TargetError
from camruntime.explaining import Contrast, Target, Wanted, wanted

_MOST_CLASSES = 50
"""Of networks with more, targets are named: gradients of each cost a pass."""


@dataclass(frozen=True)
class Targets:
    """What is explained of every part.

    Attributes:
        names: for people, in the order of `wanted`.
        by_index: what tells them apart.
        wanted: as a photograph is asked for them.
    """

    names: tuple[str, ...]
    by_index: tuple[ByIndex, ...]
    wanted: Wanted


def targets_of(manifest: Manifest, asked: Sequence[Target] | None) -> Targets:
    """The targets that are asked for; each once, whatever it is called.

    Args:
        manifest: the network's.
        asked: None takes all classes; and, where the bundle names the class of good parts, each
            other class rather than it, and all others together.

    Raises:
        TargetError: no such class, or a contrast that this network has not.
        CalibrationError: nothing is asked for, of a network with many classes.
    """
    found: dict[ByIndex, tuple[str, Wanted]] = {}
    for target in _usual(manifest) if asked is None else asked:
        try:
            one = wanted(target, manifest.labels, manifest.answer, manifest.good)
        except TargetError:
            if asked is None:
                continue  # log-odds of answers that are no logits
            raise
        contrast = one.contrast(0)
        key: ByIndex = (
            (one.choices[0], None) if contrast is None else (contrast.classes, contrast.against)
        )
        found.setdefault(key, (_name(key, manifest), one))
    joined = Wanted(
        tuple(one.choices[0] for _, one in found.values()),
        several=True,
        contrasts=tuple(one.contrast(0) for _, one in found.values()),
    )
    return Targets(tuple(name for name, _ in found.values()), tuple(found), joined)


def as_asked(one: OfTarget) -> Target:
    """A calibration's target, as `Explainer.explain` takes it."""
    if one.against is None:
        return one.classes[0]
    return Contrast(one.classes[0] if len(one.classes) == 1 else None, one.against)


def _usual(manifest: Manifest) -> list[Target]:
    classes, good = range(manifest.classes), manifest.good
    if manifest.classes > _MOST_CLASSES:
        raise CalibrationError(
            f"the network has {manifest.classes} classes: name those that will be explained with "
            "--target"
        )
    if good is None:
        return list(classes)
    others = [one for one in classes if one != good]
    return [good, *others, *(Contrast(one, good) for one in others), Contrast(None, good)]


def _name(key: ByIndex, manifest: Manifest) -> str:
    classes, against = key
    labels = manifest.labels
    if against is None:
        return labels[classes[0]]
    if len(classes) == 1:
        return f"{labels[classes[0]]}-{labels[against]}"
    return f"not {labels[against]}"
