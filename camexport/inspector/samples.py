"""Write sample pictures beside the shipped bundle: `python -m camexport.inspector.samples`.

Two surfaces of every label, and in `masks/` the exact mask of each, white where the defect is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from camexport.inspector.surfaces import LABELS, draw_many
from camruntime.pictures import encode_png

FOLDER = Path("exported_models/inspector/samples")
SEED = 3


def write_samples(folder: Path) -> None:
    """Write `LABEL-N.png` and `masks/LABEL-N.png` into `folder`."""
    (folder / "masks").mkdir(parents=True, exist_ok=True)
    for index, surface in enumerate(draw_many(SEED, 2 * len(LABELS))):
        name = f"{LABELS[surface.label]}-{index // len(LABELS) + 1}.png"
        mask = np.repeat(surface.mask[..., None], 3, axis=2).astype(np.uint8) * 255
        (folder / name).write_bytes(encode_png(surface.image))
        (folder / "masks" / name).write_bytes(encode_png(mask))


if __name__ == "__main__":
    write_samples(FOLDER)
