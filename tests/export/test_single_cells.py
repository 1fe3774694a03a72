"""Rows of logits for each single cell and for the grid, against the tail on masked copies."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from camexport.graphs import single_cells, store_cell_major
from camexport.tracing import Split, split, trace

Body = Callable[[Tensor], Tensor]


class _Behind(nn.Module):
    """A convolution with six channels, and behind its ReLU what is tested."""

    def __init__(self, *parts: nn.Module, body: Body | None = None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.act = nn.ReLU()
        self.parts = nn.Sequential(*parts)
        self.body = body
        self.fc = nn.LazyLinear(4)

    def forward(self, images: Tensor) -> Tensor:
        found = self.parts(self.act(self.conv(images)))
        pooled: Tensor = found.mean((2, 3)) if self.body is None else self.body(found)
        logits: Tensor = self.fc(pooled)
        return logits


def _split(network: nn.Module) -> Split:
    torch.manual_seed(0)
    with torch.no_grad():
        network(torch.randn(4, 3, 8, 12))  # lazy layers, and statistics of batch norms
    return split(trace(network.eval(), (8, 12)), "act")


def _norm() -> nn.Module:
    norm = nn.BatchNorm2d(6)
    nn.init.uniform_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm


BY_CELL = {
    "mean": _Behind(),
    "mean, kept": _Behind(body=lambda x: x.mean((-1, -2), keepdim=True).flatten(1)),
    "adaptive": _Behind(nn.AdaptiveAvgPool2d(1), body=lambda x: x.flatten(1)),
    "squeeze net": _Behind(nn.Conv2d(6, 5, 1), nn.ReLU()),
    "norm first": _Behind(_norm(), nn.Hardswish(), nn.Conv2d(6, 5, 1, groups=1, bias=False)),
    "groups": _Behind(nn.Conv2d(6, 9, 1, groups=3), nn.SiLU()),
    "residual": _Behind(nn.GELU(), body=lambda x: (x + 2 * x.sigmoid() - 0.5).mean((2, 3))),
    "gate": _Behind(body=lambda x: (x * (x + 3).clamp(0, 6) / 6).mean((2, 3))),
    "identity pool": _Behind(nn.AdaptiveAvgPool2d((4, 6))),
    "flatten": _Behind(body=lambda x: x.flatten(1)),
    "flatten, rest not zero": _Behind(_norm(), nn.Sigmoid(), body=lambda x: x.flatten(1)),
    "pool of its own size, flatten": _Behind(
        nn.AdaptiveAvgPool2d((4, 6)),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(144, 9),
        nn.ReLU(),
        body=lambda x: x,
    ),
    "flatten, no bias": _Behind(nn.Flatten(), nn.Linear(144, 9, bias=False), body=lambda x: x),
    "channels last": _Behind(
        body=lambda x: nn.functional.gelu(
            nn.functional.layer_norm(x.permute(0, 2, 3, 1), [6]) * torch.arange(1.0, 7)
        ).mean((1, 2))
    ),
    "channels last, linear, back": _Behind(
        body=lambda x: (
            nn.functional.linear(x.permute(0, 2, 3, 1), torch.eye(6)[:5], torch.ones(5))
            .permute(0, 3, 1, 2)
            .mean((2, 3), keepdim=True)
            .flatten(1)
        )
    ),
    "channels last, kept": _Behind(
        body=lambda x: x.permute(0, 2, 3, 1).mean((1, 2), keepdim=True).flatten(1)
    ),
    "deep head": _Behind(
        nn.Conv2d(6, 8, 1), body=lambda x: x.mean((2, 3)).softmax(1)[:, 1:] * x.shape[0] ** 0
    ),
}
MIXING = {
    "kernel of 3": _Behind(nn.Conv2d(6, 5, 3, padding=1)),
    "padding": _Behind(nn.Conv2d(6, 5, 1, padding=1)),
    "stride": _Behind(nn.Conv2d(6, 5, 1, stride=2)),
    "max": _Behind(body=lambda x: x.amax((2, 3))),
    "flatten of the columns": _Behind(body=lambda x: x.permute(0, 1, 3, 2).flatten(1)),
    "flatten of two": _Behind(body=lambda x: x.flatten(1) * 2),
    "channels last, by position": _Behind(
        body=lambda x: (x.permute(0, 2, 3, 1) * torch.arange(6.0)[:, None]).mean((1, 2))
    ),
    "channels last, mean of channels": _Behind(body=lambda x: x.permute(0, 2, 3, 1).mean((2, 3))),
    "one axis": _Behind(body=lambda x: x.mean(3).mean(2)),
    "layer norm": _Behind(nn.LayerNorm([6, 4, 6])),
    "softmax": _Behind(body=lambda x: (x * x.softmax(3)).mean((2, 3))),
    "squeeze and excite": _Behind(body=lambda x: (x * x.mean((2, 3), keepdim=True)).mean((2, 3))),
    "by position": _Behind(body=lambda x: (x * torch.arange(6.0)).mean((2, 3))),
    "smaller pool": _Behind(nn.AdaptiveAvgPool2d(2)),
}


@pytest.mark.parametrize("name", BY_CELL)
def test_single_cells_equal_masked_copies(name: str) -> None:
    """Of several images, on a grid that is not square, with values of both signs.

    Behind an image's copies comes the image as it is.
    """
    parts = _split(BY_CELL[name])
    found = single_cells(store_cell_major(parts.tail))
    assert found is not None
    channels, height, width = parts.layout.shape
    assert (height, width) == (4, 6)
    activations = torch.randn(3, channels, height, width)
    masks = torch.cat([torch.eye(24), torch.ones(1, 24)]).view(-1, 1, height, width)
    with torch.no_grad():
        expected = torch.cat([parts.tail(one * masks) for one in activations])
        torch.testing.assert_close(found(activations), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MIXING)
def test_a_tail_that_mixes_cells_has_none(name: str) -> None:
    assert single_cells(store_cell_major(_split(MIXING[name]).tail)) is None


def test_cells_read_the_matrix_that_the_tail_stores() -> None:
    """Byte for byte, as a bundle stores equal bytes once: VGG16's are 411 MB."""
    tail = store_cell_major(_split(BY_CELL["flatten"]).tail)
    cells = single_cells(tail)
    assert cells is not None
    (of_tail,) = (one for name, one in tail.named_buffers() if name.endswith("by_cell"))
    (of_cells,) = (one for one in cells.buffers() if one.ndim == 3)
    assert of_cells.shape == (24, 6, 4)
    assert of_cells.numpy().tobytes() == of_tail.numpy().tobytes()
