"""Parts of a cross-validation, with pictures of the same object in one of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from folder_pictures import Pictures
from small_network import LocalContrast

_SIDE, _AROUND = 64, 8  # pixels at which pictures are compared, by their local contrast


def folds_of(pictures: Pictures, folds: int, alike: float = 0) -> list[tuple[Pictures, Pictures]]:
    """For each part of the pictures, all others and those in it, with its share of every class.

    Where one object was photographed more than once, a network recognises it, and what it says of
    a part that it "never saw" is memory: with `alike`, pictures whose local contrasts correlate
    more than that, directly or by way of others, stay together.
    """
    groups = _groups(pictures.pixels, alike) if alike else torch.arange(len(pictures.files))
    fold = _dealt(groups, pictures.classes, folds)
    rows = [
        (torch.nonzero(fold != one)[:, 0], torch.nonzero(fold == one)[:, 0]) for one in range(folds)
    ]
    return [(pictures.part(seen), pictures.part(held)) for seen, held in rows]


def one_of_each(pictures: Pictures, alike: float) -> Pictures:
    """The first picture of each object; those that correlate more than `alike` are of one."""
    return pictures.part(torch.unique(_groups(pictures.pixels, alike)))


def _dealt(groups: Tensor, classes: Tensor, folds: int) -> Tensor:
    """A fold for each picture: large groups first, to where there is least of their class."""
    sizes = groups.bincount()
    names = torch.nonzero(sizes)[:, 0]
    shuffled = names[torch.randperm(len(names), generator=torch.Generator().manual_seed(0))]
    held = torch.zeros(folds, int(classes.max()) + 1)
    fold = torch.zeros_like(groups)
    for group in shuffled[sizes[shuffled].argsort(descending=True, stable=True)]:
        members = groups == group
        counts = classes[members].bincount(minlength=held.shape[1])
        chosen = int(held[:, counts.argmax()].argmin())
        held[chosen] += counts
        fold[members] = chosen
    return fold


def _groups(pixels: Tensor, alike: float) -> Tensor:
    """For each picture, the first of its group."""
    small = nn.functional.interpolate(pixels[:, None].float(), (_SIDE, _SIDE), mode="area")
    flat = LocalContrast(_AROUND)(small).flatten(1)
    unit = nn.functional.normalize(flat - flat.mean(1, keepdim=True))
    near = unit @ unit.T > alike
    near.fill_diagonal_(True)
    groups = torch.arange(len(pixels))
    while True:
        first = torch.where(near, groups, len(pixels)).amin(1)
        if first.equal(groups):
            return groups
        groups = first
