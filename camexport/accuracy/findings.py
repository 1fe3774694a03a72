"""What is to be said of an accuracy in words: that something is probably wrong, and what."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from camexport.accuracy.result import PYTORCH, RUNTIME, Accuracy
from camruntime.bundle import Manifest

_OTHERWISE = 0.01  # share of pictures that rounding may move to another class, and one picture


def findings(accuracy: Accuracy, manifest: Manifest) -> tuple[str, ...]:
    """Sentences, one a line; none where nothing looks wrong.

    Args:
        accuracy: measured on the bundle.
        manifest: the bundle's.
    """
    return (
        *_low(accuracy, manifest),
        *_unlike_pytorch(accuracy, manifest),
        *_unlike_published(accuracy),
    )


def _low(accuracy: Accuracy, manifest: Manifest) -> Iterator[str]:
    """Where a coin, or saying the same of every picture, does as well."""
    sizes = {name: int(those.sum()) for name, those in accuracy.by_class().items()}
    chance = 1 / manifest.classes
    if chance == 1:
        return
    # One standard error of a guess, as so few pictures may be guessed right.
    spread = math.sqrt(sum(chance * (1 - chance) / size for size in sizes.values())) / len(sizes)
    most = max(sizes, key=lambda name: sizes[name])
    right, every = int(accuracy.right(RUNTIME).sum()), len(accuracy.samples)
    if accuracy.balanced(RUNTIME) <= chance + spread:
        yield (
            f"{accuracy.balanced(RUNTIME):.1%} right, the mean over the classes, is no better than "
            f"a guess among {manifest.classes}, {chance:.1%}: {_suspect(manifest)}"
        )
    elif len(sizes) > 1 and right <= sizes[most]:
        yield (
            f"{right} of {every} right are no more than if every picture were called '{most}', "
            f"{sizes[most]}: {_suspect(manifest)}"
        )


def _suspect(manifest: Manifest) -> str:
    if manifest.source.weights == "random":
        return "its weights are random, and know nothing"
    options = ", ".join(f"--{name.replace('_', '-')}" for name in manifest.input.unnoticed)
    unsaid = f"; nobody said {options}" if options else ""
    return f"the preprocessing or the order of the labels is probably wrong{unsaid}"


def _unlike_pytorch(accuracy: Accuracy, manifest: Manifest) -> Iterator[str]:
    if PYTORCH not in accuracy.answers:
        return
    other = int((accuracy.answers[RUNTIME] != accuracy.answers[PYTORCH]).sum())
    if other > 1 + _OTHERWISE * len(accuracy.samples):
        exact = manifest.precision == "float32"
        yield (
            f"ONNX Runtime and PyTorch answer {other} of {len(accuracy.samples)} pictures "
            "differently: "
            + ("please report the model" if exact else f"that is what {manifest.precision} changes")
        )


def _unlike_published(accuracy: Accuracy) -> Iterator[str]:
    """Where pictures as the publisher prepares them do better than could be by chance."""
    for who in accuracy.answers.keys() - {RUNTIME, PYTORCH}:
        own, theirs = accuracy.right(PYTORCH), accuracy.right(who)
        gained, lost = int((theirs & ~own).sum()), int((own & ~theirs).sum())
        if gained - lost > 2 * np.sqrt(gained + lost):
            yield (
                f"{who}, {int(theirs.sum())} are right in place of {int(own.sum())}: leave out "
                "--size, --mean, --std, --colour, --resize and --shorter-side to take its values"
            )
