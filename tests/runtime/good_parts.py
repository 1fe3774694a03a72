"""Pictures of parts, drawn from a seed: brushed metal, and scratched."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from camruntime.pictures import Picture


def brushed(seed: int) -> Picture:
    """uint8 RGB `(128, 128, 3)`, a surface without a defect."""
    random = np.random.default_rng(seed)
    grain = cv2.GaussianBlur(random.normal(0, 1, (128, 128)), (0, 0), 6, sigmaY=0.8)
    level = random.uniform(90, 150)
    grey = np.clip(level + 60 * grain, 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def scratched(seed: int) -> Picture:
    """The same, with a bright line."""
    picture = brushed(seed)
    cv2.line(picture, (30, 90), (100, 40), (250, 250, 250), 2, cv2.LINE_AA)
    return picture


def write_parts(folder: Path, seeds: range) -> Path:
    """A folder with a PNG for each seed."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        cv2.imwrite(str(folder / f"{seed:04d}.png"), brushed(seed))
    return folder
