"""Transformers: tokens and channels-last layers on ONNX Runtime beside PyTorch, written out."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import camruntime
from camexport.build import BuildOptions, build_bundle
from camruntime.pictures import Picture
from every_method import every_but
from networks import small_swin, small_vit
from pairs import Pair, assert_same_map

TARGETS = [3, 0]
Cell = tuple[int, int]


@pytest.fixture(scope="module")
def transformers(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Pair]:
    networks = {"small_vit": small_vit, "small_swin": small_swin}
    sizes = {"small_vit": (32, 48), "small_swin": (32, 64)}
    folder: Path = tmp_path_factory.mktemp("tokens")

    @cache
    def make(name: str) -> Pair:
        options = BuildOptions(model=f"networks:{name}", size=sizes[name], out=folder / name)
        build_bundle(options)
        network = networks[name]().eval().requires_grad_(False)
        return Pair(network, camruntime.load(folder / name, ["cpu"]))

    return make


def _keep_token(value: Tensor, cell: Cell) -> Tensor:
    """The class token and one cell of 4 x 6."""
    kept = torch.zeros_like(value)
    for index in (0, 1 + cell[0] * 6 + cell[1]):
        kept[:, index] = value[:, index]
    return kept


def _keep_cell(value: Tensor, cell: Cell) -> Tensor:
    """One cell of 4 x 8, channels last."""
    kept = torch.zeros_like(value)
    kept[:, cell[0], cell[1]] = value[:, cell[0], cell[1]]
    return kept


@pytest.mark.parametrize(
    ("name", "grid", "keep"),
    [("small_vit", (4, 6), _keep_token), ("small_swin", (4, 8), _keep_cell)],
)
def test_recipro_cam(
    transformers: Callable[[str], Pair],
    photo: Picture,
    name: str,
    grid: Cell,
    keep: Callable[[Tensor, Cell], Tensor],
) -> None:
    pair = transformers(name)
    found = pair.explainer.explain(photo, "recipro-cam", target=TARGETS)
    expected = torch.zeros(len(TARGETS), *grid)
    for cell in np.ndindex(*grid):
        place: Cell = (cell[0], cell[1])
        layer = pair.network.get_submodule(pair.layer)
        handle = layer.register_forward_hook(lambda _m, _i, out, at=place: keep(out, at))
        with torch.no_grad():
            expected[:, cell[0], cell[1]] = pair.network(pair.tensor(photo))[0].softmax(0)[TARGETS]
        handle.remove()
    for one, wanted in zip(found, expected, strict=True):
        assert_same_map(one.raw, wanted)


def _slope(network: nn.Module, layer: str, image: Tensor, target: int) -> tuple[Tensor, Tensor]:
    """Activations and gradient, in the network's own layout."""
    seen: list[Tensor] = []

    def watch(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        seen.append(output.detach().clone().requires_grad_())
        return seen[0]

    handle = network.get_submodule(layer).register_forward_hook(watch)
    score = network(image)[0, target]
    handle.remove()
    (gradient,) = torch.autograd.grad(score, seen[0])
    return seen[0].detach(), gradient


def test_grad_cam_of_tokens(transformers: Callable[[str], Pair], photo: Picture) -> None:
    pair = transformers("small_vit")
    for target in TARGETS:
        values, gradient = _slope(pair.network, pair.layer, pair.tensor(photo), target)
        cells, slopes = values[0, 1:], gradient[0, 1:]  # without the class token
        wanted = (cells @ slopes.mean(0)).relu().reshape(4, 6)
        assert_same_map(pair.explainer.explain(photo, "grad-cam", target=target).raw, wanted)


def test_tokens_of_several_photographs(transformers: Callable[[str], Pair], photo: Picture) -> None:
    """The first by itself, and two in a batch, each with its own class token and class."""
    pair = transformers("small_vit")
    pictures = [photo, np.ascontiguousarray(photo[::-1]), np.ascontiguousarray(photo[:, ::-1])]
    asked = [[1], [3], [0]]
    made = pair.explainer.explain_each(pictures, "grad-cam", target=asked)
    for picture, targets, found in zip(pictures, asked, made, strict=True):
        for target, one in zip(targets, found, strict=True):
            values, gradient = _slope(pair.network, pair.layer, pair.tensor(picture), target)
            wanted = (values[0, 1:] @ gradient[0, 1:].mean(0)).relu().reshape(4, 6)
            assert_same_map(one.raw, wanted)


def test_hires_cam_of_channels_last(transformers: Callable[[str], Pair], photo: Picture) -> None:
    pair = transformers("small_swin")
    for target in TARGETS:
        values, gradient = _slope(pair.network, pair.layer, pair.tensor(photo), target)
        wanted = (values[0] * gradient[0]).sum(-1).relu()
        assert_same_map(pair.explainer.explain(photo, "hires-cam", target=target).raw, wanted)


@pytest.mark.parametrize("name", ["small_vit", "small_swin"])
def test_every_method_works_and_chunks_change_nothing(
    transformers: Callable[[str], Pair], photo: Picture, name: str
) -> None:
    pair = transformers(name)
    single = camruntime.load(pair.explainer.bundle.folder, ["cpu"], chunk=1)
    for spec in every_but({"cam": "asks for a mean and a linear layer behind the grid"}):
        together = pair.explainer.explain(photo, spec, target=TARGETS)
        for target, found in zip(TARGETS, together, strict=True):
            assert np.isfinite(found.raw).all(), spec
            alone = single.explain(photo, spec, target)
            reach = max(float(np.ptp(found.raw)), 1e-6)
            assert np.abs(alone.raw - found.raw).max() <= 1e-3 * reach, spec
