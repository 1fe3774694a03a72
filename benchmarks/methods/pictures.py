"""One picture of each method: of a photograph, and of a defect."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import camruntime
from camexport.build import BuildOptions, build_bundle
from camruntime import Explainer
from camruntime.methods import make_method
from camruntime.pictures import contact_sheet, encode_png
from methods.entries import INSPECTOR, file_of, titles

HEIGHT = 150
DEFECT = INSPECTOR / "samples" / "crack-1.png"


def draw(photograph: Path, bundle: Path, folder: Path) -> None:
    """Write those that are not there into `folder`.

    Args:
        photograph: explained for its top class.
        bundle: of a network that knows photographs; `layers/` is shown of one with several layers.
        folder: of the pictures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as place:
        explainers = (
            (camruntime.load(bundle), photograph),
            (_inspector(Path(place) / "inspector"), DEFECT),
        )
        for title, spec in titles():
            file = folder / file_of(title)
            if not file.is_file():
                needs = make_method(spec).needs
                tiles = [
                    _tile(explainer, image, spec)
                    for explainer, image in explainers
                    if needs <= explainer.bundle.manifest.graphs.keys()
                ]
                file.write_bytes(encode_png(contact_sheet(tiles, len(tiles), HEIGHT)))


def _inspector(folder: Path) -> Explainer:
    """With layers on two grids, of which all but `layers/` look at the first."""
    layers = BuildOptions(model="inspector", layer="features", more_layers=("features.8",))
    return camruntime.load(build_bundle(replace(layers, out=folder)).bundle.folder)


def _tile(explainer: Explainer, image: Path, spec: str) -> tuple[str, camruntime.pictures.Picture]:
    made = explainer.explain(image, spec)
    return made.target.label, made.overlay()
