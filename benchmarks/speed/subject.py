"""One network in every form that the contenders take, written into a folder.

- `bundle/`: camruntime's
- `network.pt`: the PyTorch module, pickled, for pytorch-grad-cam and torch-cam
- `whole.onnx`: head and tail as one graph, for OpenVINO
- `photo.npy`, `image.npy`: the photograph, and the network's input that it becomes
- `subject.json`: the target layer's name in PyTorch, its node's name in ONNX, the class to explain
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from onnx.compose import merge_models

from camexport.build import BuildOptions, build_bundle
from camexport.models import find_architecture, load_network
from camruntime.pictures import Picture, prepare


def write_subject(model: str, folder: Path) -> Path:
    """Write `model` with seeded random weights into a new folder of its name."""
    place = folder / model.replace(":", "-")
    subject = write_network(model, place)
    _describe(place, {**subject, "node": _write_whole(place)})
    return place


def write_network(
    model: str, place: Path, size: tuple[int, int] | None = None
) -> dict[str, str | int]:
    """The same into `place` without OpenVINO's form; `subject.json`, which it returns, comes last.

    `size` is the input's `(H, W)`; None leaves it to the model.
    """
    built = build_bundle(
        BuildOptions(model=model, weights="random", out=place / "bundle", size=size)
    )
    manifest = built.bundle.manifest
    image = prepare(photograph(), manifest.input)
    np.save(place / "photo.npy", photograph())
    np.save(place / "image.npy", image)
    network, _ = load_network(find_architecture(model), "random", 0, manifest.input.size)
    torch.save(network, place / "network.pt")
    with torch.no_grad():
        target = int(network(torch.from_numpy(image)).argmax())
    subject: dict[str, str | int] = {"layer": manifest.layer.name, "target": target}
    _describe(place, subject)
    return subject


def _describe(place: Path, subject: dict[str, str | int]) -> None:
    (place / "subject.json").write_text(json.dumps(subject), encoding="utf-8")


def photograph() -> Picture:
    """A seeded picture with structure at several scales."""
    rng = np.random.default_rng(0)
    layers = [cv2.resize(rng.random((n, n, 3)), (224, 224)) for n in (3, 9, 40)]
    return np.asarray((0.5 * layers[0] + 0.3 * layers[1] + 0.2 * layers[2]) * 255, np.uint8)


def _write_whole(place: Path) -> str:
    """Head and tail as `whole.onnx`; returns the name of the node between them."""
    head, tail = (onnx.load(place / "bundle" / f"{name}.onnx") for name in ("head", "tail"))
    joints = [(value.name, value.name) for value in head.graph.output]
    onnx.save(merge_models(head, tail, io_map=joints, prefix2="tail/"), place / "whole.onnx")
    (node,) = (node for node in head.graph.node if "activations" in node.output)
    return str(node.name)
