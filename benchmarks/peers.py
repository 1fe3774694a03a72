"""Score-CAM beside pytorch-grad-cam and torch-cam, and Recipro-CAM beside one forward pass.

    python benchmarks/peers.py [--models resnet18 mobilenet_v2 vgg16] [--threads 2] [--repeat 3]

Same seeded weights, same photograph, same number of threads, contenders in turn, medians over the
repeats. The floor of an exact Score-CAM is (live channels) x (the best batched forward pass per
image): head and tail on ONNX Runtime at the batch size that suits them best. How far we are above
it compares the least disturbed of many short turns of both, since a shared machine can be half as
slow again for seconds. `r` is the correlation of our preset of a library's name with that library's
map: both did the same work.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

os.environ["TQDM_DISABLE"] = "1"  # before pytorch-grad-cam imports it

import cv2
import numpy as np
import torch
from pytorch_grad_cam import ScoreCAM as GradCamScoreCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from rich.console import Console
from rich.table import Table
from torch import nn
from torchcam.methods import ScoreCAM as TorchCamScoreCAM

import camruntime
from camexport.build import BuildOptions, build_bundle
from camexport.models import find_architecture, load_network
from camruntime.engine import Engine
from camruntime.fitting import prepare
from camruntime.methods import ScoreCAM
from camruntime.onnx_graphs import OnnxGraphs
from camruntime.picture import Picture
from camruntime.rescale import FloatArray

TARGET = 1
BATCHES = (1, 2, 4, 8, 16, 32)
SLICE = 64  # images or channels in one short measurement
console = Console()


def photograph() -> Picture:
    """A seeded picture with structure at several scales."""
    rng = np.random.default_rng(0)
    layers = [cv2.resize(rng.random((n, n, 3)), (224, 224)) for n in (3, 9, 40)]
    return np.asarray((0.5 * layers[0] + 0.3 * layers[1] + 0.2 * layers[2]) * 255, np.uint8)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@dataclass(frozen=True)
class Subject:
    """One network in PyTorch and on ONNX Runtime, and the picture that both explain."""

    network: nn.Module
    layer: str
    explainer: camruntime.Explainer
    engine: Engine
    photo: Picture
    image: FloatArray

    def ours(self, method: str) -> FloatArray:
        """Our raw map, from the photograph on."""
        return self.explainer.explain(self.photo, method, TARGET).raw

    def grad_cam(self) -> FloatArray:
        """pytorch-grad-cam's map, at the size of the image."""
        image = torch.from_numpy(self.image)
        with GradCamScoreCAM(self.network, [self.network.get_submodule(self.layer)]) as cam:
            found = cam(image, [ClassifierOutputTarget(TARGET)])
        return np.asarray(found[0], np.float32)

    def torch_cam(self) -> FloatArray:
        """torch-cam's map, at the target layer's size."""
        with torch.no_grad(), TorchCamScoreCAM(self.network, self.layer) as cam:
            (found,) = cam(TARGET, self.network(torch.from_numpy(self.image)))
        return np.asarray(found[0], np.float32)

    def forward_pass(self, batch: int) -> float:
        """Seconds per image of head and tail at this batch size."""
        images = self.engine.upload(np.repeat(self.image, batch, axis=0))
        start = time.perf_counter()
        for _ in range(SLICE // batch):
            (activations,) = self.engine.run("head", {"image": images})
            self.engine.run("tail", {"activations": activations})
        return (time.perf_counter() - start) / SLICE

    def score_cam_slice(self, chunk: int | None) -> float:
        """Seconds per channel of a whole Score-CAM over the first `SLICE` live channels."""
        graphs = OnnxGraphs(self.engine, chunk)
        whole = graphs.forward(self.image)
        live = np.flatnonzero(np.ptp(whole.activations[0], axis=(1, 2)) > 0)
        part = replace(whole, activations=whole.activations[:, live[:SLICE]])
        start = time.perf_counter()
        ScoreCAM()(graphs, part, [TARGET])
        return (time.perf_counter() - start) / SLICE

    def live_channels(self) -> tuple[int, int]:
        """How many channels are not flat on this picture, and how many there are."""
        (activations,) = self.engine.run("head", {"image": self.image})
        flat = activations.numpy()[0].reshape(activations.value.shape()[1], -1)
        return int((np.ptp(flat, axis=1) > 0).sum()), len(flat)


def subject(model: str, threads: int, chunk: int | None, folder: Path) -> Subject:
    options = BuildOptions(model=model, weights="random", out=folder / model)
    manifest = build_bundle(options).bundle.manifest
    network, _ = load_network(find_architecture(model), "random", 0, manifest.input.size)
    explainer = camruntime.load(folder / model, ["cpu"], threads=threads, chunk=chunk)
    return Subject(
        network=network.requires_grad_(False),
        layer=manifest.layer.name,
        explainer=explainer,
        engine=Engine(explainer.bundle, ["cpu"], threads=threads),
        photo=photograph(),
        image=prepare(photograph(), manifest.input),
    )


def correlation(one: FloatArray, other: FloatArray) -> float:
    resized = np.asarray(cv2.resize(one, other.shape[::-1]), np.float32)
    return float(np.corrcoef(resized.ravel(), other.ravel())[0, 1])


def above_floor(one: Subject, chunk: int | None) -> tuple[float, float, int]:
    """Score-CAM's time per channel over the best forward pass per image; that pass; its batch.

    Short turns of both, and of each the turn that the machine disturbed least.
    """
    forwards: dict[int, list[float]] = {batch: [] for batch in BATCHES}
    slices: list[float] = []
    start = time.perf_counter()
    while len(slices) < 4 or time.perf_counter() - start < 40:
        for batch in BATCHES:
            forwards[batch].append(one.forward_pass(batch))
        slices.append(one.score_cam_slice(chunk))
    best = min(BATCHES, key=lambda batch: min(forwards[batch]))
    fastest = min(forwards[best])
    return min(slices) / fastest, fastest, best


def row(one: Subject, repeat: int, chunk: int | None) -> list[str]:
    """Measure, the contenders in turn, and put the medians into words."""
    presets = {name: one.ours(f"score-cam:preset={name}") for name in ("grad-cam", "torch-cam")}
    contenders: dict[str, Callable[[], FloatArray]] = {
        "ours": lambda: one.ours("score-cam"),
        "grad-cam": one.grad_cam,
        "torch-cam": one.torch_cam,
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    maps: dict[str, FloatArray] = {}
    for _ in range(repeat):
        for name, run in contenders.items():
            start = time.perf_counter()
            maps[name] = run()
            times[name].append(time.perf_counter() - start)
    took = {name: median(values) for name, values in times.items()}
    ratio, fastest, best = above_floor(one, chunk)
    one.ours("recipro-cam")  # opens its session
    recipro = [seconds(lambda: one.ours("recipro-cam")) / (one.forward_pass(1)) for _ in range(8)]
    live, channels = one.live_channels()
    return [
        f"{live}/{channels}",
        f"{took['ours']:.2f}",
        *(
            f"{took[name]:.1f} ({took[name] / took['ours']:.1f}x, "
            f"r={correlation(preset, maps[name]):.5f})"
            for name, preset in presets.items()
        ),
        f"{live * fastest:.2f} (batch {best})",
        f"{100 * (ratio - 1):+.1f} %",
        f"{median(recipro):.2f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["resnet18", "mobilenet_v2", "vgg16"])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--chunk", type=int, default=None)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    table = Table(
        "model",
        "live channels",
        "Score-CAM, s",
        "pytorch-grad-cam, s",
        "torch-cam, s",
        "floor, s",
        "above floor",
        "Recipro-CAM / forward",
        title=f"{arguments.threads} threads, median of {arguments.repeat}",
    )
    with tempfile.TemporaryDirectory() as folder:
        for model in arguments.models:
            with console.status(model):
                one = subject(model, arguments.threads, arguments.chunk, Path(folder))
                cells = row(one, arguments.repeat, arguments.chunk)
            console.print(model, *cells, sep=" | ", highlight=False, soft_wrap=True)
            table.add_row(model, *cells)
    console.print(table)


if __name__ == "__main__":
    main()
