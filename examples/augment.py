"""Pictures turned, mirrored, shifted and lit at random: a defect stays what it is."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SHIFT = 8  # pixels at most: a cell, so that no defect learns its place in one


def augmented(pictures: Tensor, light: float = 0.0, upright: bool = False) -> Tensor:
    """Each of `(n, 1, size, size)` in one of the square's eight symmetries, then shifted.

    Args:
        pictures: normalised; further channels, of masks, are moved along but not lit.
        light: by how much contrast (a factor) and brightness (normalised) may differ.
        upright: mirrored and turned by halves alone, so that what is vertical stays it.
    """
    moved = _shifted(_turned(pictures, upright))
    contrast, brightness = light * (2 * torch.rand(2, len(pictures), 1, 1, 1) - 1)
    lit: Tensor = moved[:, :1] * (1 + contrast) + brightness
    return torch.cat([lit, moved[:, 1:]], 1)


def _turned(pictures: Tensor, upright: bool) -> Tensor:
    turned = torch.empty_like(pictures)
    symmetry = torch.randint(8, (len(pictures),))
    symmetry -= symmetry % 2 * int(upright)  # the odd ones are quarter turns
    for one in range(8):
        chosen = symmetry == one
        quarter = torch.rot90(pictures[chosen], one % 4, (2, 3))
        turned[chosen] = quarter.flip(3) if one >= 4 else quarter
    return turned


def _shifted(pictures: Tensor) -> Tensor:
    """The border is mirrored into what a shift leaves free."""
    size = pictures.shape[-1]
    wide = nn.functional.pad(pictures, (SHIFT,) * 4, mode="reflect")
    places = torch.randint(2 * SHIFT + 1, (len(pictures), 2)).tolist()
    cut = [
        picture[:, top : top + size, left : left + size]
        for picture, (top, left) in zip(wide, places, strict=True)
    ]
    return torch.stack(cut)
