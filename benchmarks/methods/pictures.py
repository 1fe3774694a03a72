"""One picture of each method: of a photograph, and of a defect."""

from __future__ import annotations

from pathlib import Path

import camruntime
from camruntime import Explainer
from camruntime.pictures import contact_sheet, encode_png
from methods.entries import INSPECTOR, file_of, titles

HEIGHT = 150
DEFECT = INSPECTOR / "samples" / "crack-1.png"


def draw(photograph: Path, bundle: Path, folder: Path) -> None:
    """Write those that are not there into `folder`.

    Args:
        photograph: explained for its top class.
        bundle: of a network that knows photographs.
        folder: of the pictures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known, inspector = camruntime.load(bundle), camruntime.load(INSPECTOR)
    for title, spec in titles():
        place = folder / file_of(title)
        if not place.is_file():
            tiles = [_tile(known, photograph, spec), _tile(inspector, DEFECT, spec)]
            place.write_bytes(encode_png(contact_sheet(tiles, len(tiles), HEIGHT)))


def _tile(explainer: Explainer, image: Path, spec: str) -> tuple[str, camruntime.pictures.Picture]:
    made = explainer.explain(image, spec)
    return made.target.label, made.overlay()
