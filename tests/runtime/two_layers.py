"""The shipped bundle as one with two layers: the second is the first again, under another name."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from manifests import edit_manifest

PER_LAYER = ("head", "tail", "gradient", "cells", "head_cells")
AGAIN = "features.again"


def two_layers(inspector: Path, folder: Path) -> Path:
    """A bundle in the new directory `folder`, whose maps at both layers are the shipped one's."""
    shutil.copytree(inspector, folder, ignore=shutil.ignore_patterns("samples"))
    for graph in PER_LAYER:
        shutil.copyfile(folder / f"{graph}.onnx", folder / f"{graph}_2.onnx")
    edit_manifest(folder, add_a_layer)
    return folder


def add_a_layer(content: dict[str, Any]) -> None:
    """To a manifest as JSON."""
    content["more_layers"] = [{**content["layer"], "name": AGAIN}]
    graphs = content["graphs"]
    content["graphs"] = graphs | {
        f"{name}_2": {**graphs[name], "file": f"{name}_2.onnx"} for name in PER_LAYER
    }
    content["parity"] += [{**one, "layer": AGAIN} for one in content["parity"]]
