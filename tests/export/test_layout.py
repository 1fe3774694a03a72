"""What a shape means, and the way to channels, then grid, and back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from camexport.tracing import Layout, default_layer, on_tensors, trace
from camexport.tracing.layout import layout_of
from camruntime.bundle import Axes
from networks import small_swin, small_vit


@pytest.mark.parametrize(
    ("shape", "size", "axes", "arranged", "tokens"),
    [
        ((512, 7, 7), (224, 224), "channels-first", (512, 7, 7), 0),
        ((7, 7, 768), (224, 224), "channels-last", (768, 7, 7), 0),
        ((8, 8, 8), (64, 64), "channels-first", (8, 8, 8), 0),
        ((4, 6, 32), (128, 192), "channels-last", (32, 4, 6), 0),
        ((32, 4, 6), (128, 192), "channels-first", (32, 4, 6), 0),
        ((7, 8, 8), (225, 227), "channels-first", (7, 8, 8), 0),
        ((24, 99), (128, 192), "tokens", (99, 4, 6), 0),
        ((25, 99), (128, 192), "tokens", (99, 4, 6), 1),
        ((6, 99), (128, 192), "tokens", (99, 2, 3), 0),
    ],
)
def test_what_a_shape_means(
    shape: tuple[int, ...],
    size: tuple[int, int],
    axes: Axes,
    arranged: tuple[int, int, int],
    tokens: int,
) -> None:
    heads = (1, 24)  # attention's (heads, tokens, channels) looks like a grid, too
    assert layout_of(shape, size, [(2, 3), (4, 6), heads]) == Layout(axes, arranged, tokens)


@pytest.mark.parametrize("shape", [(99,), (40, 99), (23, 99), (2, 3, 4, 5), ()])
def test_a_shape_without_a_grid(shape: tuple[int, ...]) -> None:
    assert layout_of(shape, (128, 192), [(4, 6)]) is None


def test_tokens_by_hand() -> None:
    """Two tokens beside a grid of 2 x 3 cells with 2 channels; a value says where it belongs."""
    layout = Layout("tokens", (2, 2, 3), 2)
    value = torch.tensor([[[-1, -10], [-2, -20], *([n, 10 * n] for n in range(6))]])
    grid, tokens = layout.arrange(value, on_tensors)
    assert grid.tolist() == [[[[0, 1, 2], [3, 4, 5]], [[0, 10, 20], [30, 40, 50]]]]
    assert tokens.tolist() == [[[-1, -10], [-2, -20]]]
    assert layout.restore((grid, tokens), on_tensors).tolist() == value.tolist()


def test_channels_last_by_hand() -> None:
    layout = Layout("channels-last", (2, 2, 3))
    value = torch.tensor([[[[n, 10 * n] for n in row] for row in ((0, 1, 2), (3, 4, 5))]])
    (grid,) = layout.arrange(value, on_tensors)
    assert grid.tolist() == [[[[0, 1, 2], [3, 4, 5]], [[0, 10, 20], [30, 40, 50]]]]
    assert layout.restore((grid,), on_tensors).tolist() == value.tolist()


def test_behind_the_last_block_only_the_class_token_counts() -> None:
    """Neither that block is the default layer, nor the patches' convolution."""
    network = small_vit().eval()
    program = trace(network, (32, 48))
    assert default_layer(program, network) == "blocks.1"
    assert program.layouts["blocks.1"] == Layout("tokens", (24, 4, 6), 1)
    assert program.layouts["patch_embed.proj"] == Layout("channels-first", (24, 4, 6))


def test_swins_default_layer() -> None:
    network = small_swin().eval()
    program = trace(network, (32, 64))
    assert default_layer(program, network) == "norm"
    assert program.layouts["norm"] == Layout("channels-last", (24, 4, 8))


class _Thinned(nn.Module):
    """Keeps every second token in each direction, as LeViT; looks at them in windows, as Swin."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, 8)
        self.before, self.after, self.windows = (nn.Linear(8, 8) for _ in range(3))
        self.head = nn.Linear(8, 5)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.before(self.patches(images).flatten(2).transpose(1, 2))
        thinned = tokens.view(-1, 4, 6, 8)[:, ::2, ::2].flatten(1, 2)
        windows = self.windows(tokens.reshape(-1, 6, 8)).reshape(-1, 24, 8)
        logits: Tensor = self.head(self.after(thinned).mean(1) + windows.mean(1))
        return logits


def test_tokens_that_are_thinned_between_modules() -> None:
    """Their grid is seen there; six values of a window are not one, as each image has several."""
    layouts = trace(_Thinned().eval(), (32, 48)).layouts
    assert layouts["before"] == Layout("tokens", (8, 4, 6))
    assert layouts["after"] == Layout("tokens", (8, 2, 3))
    assert "windows" not in layouts
