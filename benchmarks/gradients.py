"""The Grad-CAM family beside pytorch-grad-cam, and Decom-CAM in units of plain forward passes.

    python benchmarks/gradients.py [--models resnet18 vgg16] [--threads 2] [--repeat 15]

Same seeded weights, same photograph, same number of threads, contenders in turn; the least
disturbed turn of each counts. Ours runs from the photograph on, pytorch-grad-cam from the
normalised tensor on. It is timed twice: as its README has it, every parameter with a gradient, and
with all parameters frozen but the target layer's, which is the least that lets it work. `r` is the
correlation of both maps. Decom-CAM's unit is one plain pass of one image, head and tail, on ONNX
Runtime; its budget is `components` + 2 of them and one gradient.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytorch_grad_cam as peer
import torch
from peers import TARGET, Subject, console, correlation, seconds, subject
from pytorch_grad_cam.base_cam import BaseCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from rich.table import Table

from camruntime.rescale import FloatArray

FAMILY: dict[str, type[BaseCAM]] = {
    "grad-cam": peer.GradCAM,
    "grad-cam++:preset=grad-cam": peer.GradCAMPlusPlus,
    "xgrad-cam": peer.XGradCAM,
    "layer-cam": peer.LayerCAM,
    "hires-cam": peer.HiResCAM,
}
COMPONENTS = 10


def grad_cam(one: Subject, kind: type[BaseCAM], frozen: bool) -> Callable[[], FloatArray]:
    """What runs pytorch-grad-cam's method, at the size of the image."""
    image = torch.from_numpy(one.image)
    target = [ClassifierOutputTarget(TARGET)]

    def run() -> FloatArray:
        one.network.requires_grad_(not frozen)
        layer = one.network.get_submodule(one.layer).requires_grad_()
        with kind(one.network, [layer]) as cam:
            return np.asarray(cam(image, target)[0], np.float32)

    return run


def fastest(contenders: dict[str, Callable[[], object]], repeat: int) -> dict[str, float]:
    """Seconds of each contender's least disturbed turn; a first round is not counted."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeat + 1):
        for name, run in contenders.items():
            times[name].append(seconds(run))
    return {name: min(values[1:]) for name, values in times.items()}


def family(one: Subject, repeat: int) -> list[str]:
    """Milliseconds of ours, and how often they fit into the peer's, for every method."""
    cells = []
    for spec, kind in FAMILY.items():
        whole, least = grad_cam(one, kind, frozen=False), grad_cam(one, kind, frozen=True)

        def ours(spec: str = spec) -> FloatArray:
            return one.explainer.explain(one.photo, spec, TARGET).saliency

        took = fastest({"ours": ours, "whole": whole, "least": least}, repeat)
        cells.append(
            f"{1000 * took['ours']:.0f} ms ({took['whole'] / took['ours']:.1f}x, "
            f"{took['least'] / took['ours']:.1f}x, r={correlation(ours(), whole()):.5f})"
        )
    return cells


def decom_cam(one: Subject, repeat: int) -> list[str]:
    """Decom-CAM in plain passes; the gradient in plain passes; Decom-CAM over its budget."""
    inputs = {"activations": one.engine.run("head", {"image": one.image})[0]}
    target = np.array([TARGET], np.int64)

    def forward() -> None:
        (activations,) = one.engine.run("head", {"image": one.image})
        one.engine.run("tail", {"activations": activations})

    took = fastest(
        {
            "forward": forward,
            "gradient": lambda: one.engine.run("gradient", {**inputs, "targets": target}),
            "decom": lambda: one.ours(f"decom-cam:components={COMPONENTS}"),
        },
        repeat,
    )
    budget = (COMPONENTS + 2) * took["forward"] + took["gradient"]
    return [
        f"{took['decom'] / took['forward']:.1f}",
        f"{took['gradient'] / took['forward']:.2f}",
        f"{100 * (took['decom'] / budget - 1):+.0f} %",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["resnet18", "mobilenet_v2", "vgg16"])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeat", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    table = Table(
        "model",
        *FAMILY,
        f"Decom-CAM ({COMPONENTS}) / forward",
        "gradient / forward",
        "Decom-CAM against its budget",
        title=f"{arguments.threads} threads, best of {arguments.repeat}; in brackets how much "
        "longer pytorch-grad-cam takes, and with all but the target layer frozen",
    )
    with tempfile.TemporaryDirectory() as folder:
        for model in arguments.models:
            with console.status(model):
                one = subject(model, arguments.threads, None, Path(folder))
                cells = [*family(one, arguments.repeat), *decom_cam(one, arguments.repeat)]
            console.print(model, *cells, sep=" | ", highlight=False, soft_wrap=True)
            table.add_row(model, *cells)
    console.print(table)


if __name__ == "__main__":
    main()
