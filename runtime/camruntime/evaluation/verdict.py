"""Whether a method depends on what the network learned, in a sentence, by a rule that is written.

The rule: after all layers are randomised, maps that still correlate above `ALIKE` with the
original's are made by the picture, whatever the network knows. Where a map is flat on every image,
there is nothing to judge. Else the method depends on what was learned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ALIKE = 0.5
"""Of maps whose rank correlation after full randomisation is above this, the picture decides."""


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """How alike the original's and a randomised network's maps are.

    Attributes:
        rank: Spearman's rank correlation, mean over the images; 0 for a flat map.
        structure: structural similarity (SSIM), mean over the images; high for a flat map beside
            one that is nearly so.
        flat: number of images of which either map is flat and shows nothing.
    """

    rank: float
    structure: float
    flat: int


Judgement = Literal["depends", "unmoved", "unclear"]


def judge(last: Similarity, images: int) -> Judgement:
    """By the rule, from how alike maps are when everything is randomised, on so many images."""
    if last.flat >= images:
        return "unclear"
    return "unmoved" if last.rank > ALIKE else "depends"


def verdict(method: str, last: Similarity, images: int) -> str:
    """What is to be made of a method, in a sentence without a full stop."""
    figures = f"rank correlation {last.rank:.2f}, on {images} image{'' if images == 1 else 's'}"
    said = {
        "depends": (
            f"depends on what the network learned: randomise that, and its maps change ({figures})"
        ),
        "unmoved": (
            "does not depend on what the network learned: its maps barely change when all of that "
            f"is randomised ({figures}), so they show the picture: do not trust it here"
        ),
        "unclear": f"cannot be judged: before or after, it shows nothing on all {images} images",
    }
    return f"{method} {said[judge(last, images)]}"


def in_a_sentence(judged: Mapping[str, Judgement]) -> str:
    """What all methods come to, by method."""
    texts: dict[Judgement, tuple[str, str]] = {
        "depends": ("depends on what the network learned", "depend on what the network learned"),
        "unmoved": (
            "does not depend on what it learned, so do not trust it here",
            "do not depend on what it learned, so do not trust them here",
        ),
        "unclear": ("cannot be judged", "cannot be judged"),
    }
    parts = []
    for kind, (one, many) in texts.items():
        names = [name for name, judgement in judged.items() if judgement == kind]
        if names:
            listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
            parts.append(f"{listed} {one if len(names) == 1 else many}")
    return f"In short: {'; '.join(parts)}."
