"""One network of the matrix: built with random weights, and compared with PyTorch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import camruntime
from camexport.build import BuildOptions, build_bundle
from camexport.models import find_architecture, load_network
from camexport.parity import Reference
from camexport.parity.gradient import layout_in
from camexport.tracing import on_tensors
from camruntime.bundle import Manifest
from camruntime.maps import FloatArray
from camruntime.pictures import prepare

SEED = 1
TOLERANCE = {"float32": 1e-4}
INCONCLUSIVE = 1e-2
"""Where PyTorch's own float32 map is this far from float64, comparing maps proves nothing."""

CELLS = 4
"""Of Recipro-CAM's map: each costs PyTorch a whole forward pass."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was found. Differences are relative to the range of what float64 computes.

    Attributes:
        layer: the default target layer.
        activations: their shape, and layout where it is not the usual one.
        megabytes: of the bundle's weights.
        forward: largest difference of head, tail and both.
        gradient, gradient_float32: largest difference of the gradient, ours and PyTorch's float32.
        recipro, recipro_float32: the same of Recipro-CAM's raw map, in `CELLS` cells.
        grad_cam, grad_cam_float32: the same of Grad-CAM's raw maps of the two leading classes; None
            where its ReLU leaves neither.
        seconds: to build the bundle.
    """

    model: str
    size: tuple[int, int]
    layer: str
    activations: str
    megabytes: float
    forward: float
    gradient: float
    gradient_float32: float
    recipro: float
    recipro_float32: float
    grad_cam: float | None
    grad_cam_float32: float | None
    seconds: float

    @property
    def agrees(self) -> bool:
        """Both maps within the tolerance, or four times what PyTorch's own float32 is off."""
        pairs = ((self.recipro, self.recipro_float32), (self.grad_cam, self.grad_cam_float32))
        return all(
            ours <= max(TOLERANCE["float32"], 4 * own)
            for ours, own in pairs
            if ours is not None and own is not None
        )

    @property
    def conclusive(self) -> bool:
        """Whether at least one of the maps could be compared."""
        own = (self.recipro_float32, self.grad_cam_float32)
        return any(one is not None and one < INCONCLUSIVE for one in own)


def measure(model: str, side: int | None, folder: Path) -> Row:
    """Build `model` into `folder` and compare; errors of camexport pass through."""
    start = time.perf_counter()
    size = (side, side) if side else None
    options = BuildOptions(model=model, weights="random", seed=SEED, size=size, out=folder / "b")
    manifest = build_bundle(options).bundle.manifest
    seconds = time.perf_counter() - start
    network, _ = load_network(find_architecture(model), "random", SEED, manifest.input.size)
    case = _Case(network.requires_grad_(False), manifest, folder / "b")
    recipro, grad_cam = case.recipro_cam(), case.grad_cam()
    gradients = [parity for parity in manifest.parity if parity.of_gradient]
    worst = max(gradients, key=lambda parity: parity.relative)
    layer = manifest.layer
    axes = "" if layer.axes == "channels-first" else f" ({layer.axes}"
    beside = f" + {layer.tokens}" if layer.tokens else ""
    return Row(
        model=model,
        size=manifest.input.size,
        layer=layer.name,
        activations="x".join(map(str, layer.shape)) + (f"{axes}{beside})" if axes else ""),
        megabytes=manifest.weights.bytes / 1e6,
        forward=max(one.relative for one in manifest.parity if not one.of_gradient),
        gradient=worst.relative,
        gradient_float32=worst.float32 or 0.0,
        recipro=recipro[0],
        recipro_float32=recipro[1],
        grad_cam=grad_cam[0] if grad_cam else None,
        grad_cam_float32=grad_cam[1] if grad_cam else None,
        seconds=seconds,
    )


class _Case:
    """One image, its two leading classes, and the network in both precisions."""

    def __init__(self, network: nn.Module, manifest: Manifest, folder: Path) -> None:
        self.layer = manifest.layer
        self.reference = Reference(network, manifest.layer.name)
        self.explainer = camruntime.load(folder, ["cpu"])
        rng = np.random.default_rng(5)
        height, width = manifest.input.size
        self.photo = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
        self.image = torch.from_numpy(prepare(self.photo, manifest.input))
        with torch.no_grad():
            self.targets = network(self.image)[0].topk(2).indices.tolist()

    def recipro_cam(self) -> tuple[float, float]:
        """Differences from float64 of ours and of PyTorch's float32."""
        found = self.explainer.explain(
            self.photo, "recipro-cam", target=self.targets, score="logit"
        )
        grid = self.layer.spatial
        rng = np.random.default_rng(3)
        cells = rng.choice(grid[0] * grid[1], CELLS, replace=False).tolist()
        ours = np.stack([one.raw.reshape(-1)[cells] for one in found], 1)
        own = self._logits_of_cells(self.reference, cells)
        with self.reference.exact() as reference:
            exact = self._logits_of_cells(reference, cells)
        return _differences(ours, own, exact)

    def _logits_of_cells(self, reference: Reference, cells: list[int]) -> FloatArray:
        """`(cells, targets)`: the network runs as it is, with all but one cell zeroed."""
        layout = layout_in(self.layer)
        activations, _ = reference.run(self.image)
        parts = layout.arrange(activations, on_tensors)
        rows = []
        for cell in cells:
            mask = torch.zeros(self.layer.spatial)
            mask.view(-1)[cell] = 1
            value: Tensor = layout.restore((parts[0] * mask, *parts[1:]), on_tensors)
            rows.append(reference.replaced_by(value, self.image)[0, self.targets].numpy())
        return np.stack(rows)

    def grad_cam(self) -> tuple[float, float] | None:
        """Differences from float64 of ours and of PyTorch's float32; None if all maps are flat."""
        found = self.explainer.explain(self.photo, "grad-cam", target=self.targets)
        pairs = [
            _differences(
                explanation.raw,
                self._grad_cam(self.reference, target),
                self._exact_grad_cam(target),
            )
            for explanation, target in zip(found, self.targets, strict=True)
            if not explanation.no_evidence
        ]
        return max(pairs) if pairs else None

    def _exact_grad_cam(self, target: int) -> FloatArray:
        with self.reference.exact() as exact:
            return self._grad_cam(exact, target)

    def _grad_cam(self, reference: Reference, target: int) -> FloatArray:
        values, _ = reference.run(self.image)
        gradient = reference.gradient(self.image, values, torch.tensor([target]))
        layout = layout_in(self.layer)
        slope, maps = (layout.arrange(one, on_tensors)[0][0] for one in (gradient, values))
        summed: Tensor = (slope.mean((1, 2))[:, None, None] * maps).sum(0)
        return summed.relu().numpy()


def _differences(ours: FloatArray, own: FloatArray, exact: FloatArray) -> tuple[float, float]:
    reach = float(np.ptp(exact)) or 1.0
    return float(np.abs(ours - exact).max()) / reach, float(np.abs(own - exact).max()) / reach
