"""Small networks behind a target layer, one for each kind of operator whose gradient we write."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812  # the field's usual name
from torch import Tensor, nn

SHAPE = (8, 9, 11)
"""Of the activations; sides that are odd, that differ, and that no pooling divides."""


class Apply(nn.Module):
    """A function between two 1x1 convolutions, then the mean over the grid and a linear layer."""

    def __init__(self, function: Callable[[Tensor], Tensor], out: int = 8) -> None:
        super().__init__()
        self.before = nn.Conv2d(8, 8, 1)
        self.function = function
        self.after = nn.Conv2d(out, 6, 1)
        self.fc = nn.Linear(6, 4)

    def forward(self, values: Tensor) -> Tensor:
        found = self.after(self.function(self.before(values)))
        logits: Tensor = self.fc((found * found.sigmoid()).mean((2, 3)))
        return logits


class ClassToken(nn.Module):
    """Tokens of the grid and one of the class, attention, and the class token's answer."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.fc = nn.Linear(8, 4)

    def forward(self, values: Tensor) -> Tensor:
        tokens = torch.cat([self.token.expand(values.shape[0], 1, 8), values.flatten(2).mT], 1)
        mixed = self.norm(tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0])
        logits: Tensor = self.fc(mixed[:, 0])
        return logits


class AttentionPool(nn.Module):
    """CLIP's: the mean asks, all cells answer."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.randn(100, 8) / 3)
        self.q, self.k, self.v, self.c = (nn.Linear(8, width) for width in (8, 8, 8, 4))

    def forward(self, values: Tensor) -> Tensor:
        cells = values.flatten(2).permute(2, 0, 1)
        cells = torch.cat([cells.mean(0, keepdim=True), cells]) + self.place[:, None]
        pooled, _ = F.multi_head_attention_forward(
            cells[:1],
            cells,
            cells,
            embed_dim_to_check=8,
            num_heads=2,
            q_proj_weight=self.q.weight,
            k_proj_weight=self.k.weight,
            v_proj_weight=self.v.weight,
            in_proj_weight=None,
            in_proj_bias=torch.cat([self.q.bias, self.k.bias, self.v.bias]),
            bias_k=None,
            bias_v=None,
            add_zero_attn=False,
            dropout_p=0,
            out_proj_weight=self.c.weight,
            out_proj_bias=self.c.bias,
            use_separate_proj_weight=True,
            training=False,
            need_weights=False,
        )
        answer: Tensor = pooled[0]
        return answer


class SqueezeExcite(nn.Module):
    """Channels weighed by what their means say."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)

    def forward(self, values: Tensor) -> Tensor:
        scale = self.up(F.relu(self.down(F.adaptive_avg_pool2d(values, 1))))
        return values * F.hardsigmoid(scale)


def _fully_connected() -> nn.Module:
    return nn.Sequential(
        nn.AdaptiveAvgPool2d((4, 3)),
        nn.Flatten(),
        nn.Linear(96, 32),
        nn.ReLU(inplace=True),
        nn.Dropout(),
        nn.Linear(32, 4),
    )


def _in_place(values: Tensor) -> Tensor:
    values += 0.5
    values.mul_(2)
    values = values.clamp_(max=3)
    return F.relu(values, inplace=True)


def _split(values: Tensor) -> Tensor:
    left, right = values.chunk(2, 1)
    one, two, three = torch.split(right, [1, 2, 1], 1)
    return torch.cat([left * right.sigmoid(), one, three.exp(), two], 1)


def _first_of_pairs(values: Tensor) -> Tensor:
    """Slices, selections and stacks of the grid."""
    return (
        torch.stack([values[..., ::2, 1:], values[:, :, ::2, :-1]], 2).amax(2)
        + values[:, :1, :1, 1:2]
    )


def _grn(values: Tensor) -> Tensor:
    """Global response normalisation, ConvNeXt V2's."""
    norm: Tensor = torch.linalg.vector_norm(values, dim=(2, 3), keepdim=True)
    return values * (norm / (norm.mean(1, keepdim=True) + 1e-6)) + values


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky_relu": lambda: nn.LeakyReLU(0.1),
    "prelu": lambda: nn.PReLU(8),
    "elu": nn.ELU,
    "selu": nn.SELU,
    "celu": lambda: nn.CELU(0.7),
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU("tanh"),
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "hardswish": nn.Hardswish,
    "hardsigmoid": nn.Hardsigmoid,
    "hardtanh": nn.Hardtanh,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softplus": lambda: nn.Softplus(2.0, 5.0),
    "softsign": nn.Softsign,
    "softshrink": nn.Softshrink,
    "hardshrink": nn.Hardshrink,
    "tanhshrink": nn.Tanhshrink,
    "softmax": lambda: nn.Softmax(1),
    "log_softmax": lambda: nn.LogSoftmax(1),
    "threshold": lambda: nn.Threshold(0.1, -2.0),
}

POOLING: dict[str, Callable[[], nn.Module]] = {
    "max": lambda: nn.MaxPool2d(2),
    "max_overlapping": lambda: nn.MaxPool2d(3, 2, 1),
    "max_ceil": lambda: nn.MaxPool2d(3, 2, ceil_mode=True),
    "max_dilated": lambda: nn.MaxPool2d((3, 2), (2, 1), dilation=2),
    "average": lambda: nn.AvgPool2d(2),
    "average_ceil": lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True),
    "average_without_padding": lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    "adaptive_average": lambda: nn.AdaptiveAvgPool2d((4, 3)),
    "adaptive_average_to_more": lambda: nn.AdaptiveAvgPool2d((13, 7)),
    "adaptive_average_to_one": lambda: nn.AdaptiveAvgPool2d(1),
    "adaptive_max": lambda: nn.AdaptiveMaxPool2d((4, 3)),
    "adaptive_max_to_one": lambda: nn.AdaptiveMaxPool2d(1),
    "lp": lambda: nn.LPPool2d(2, 3, 2),
}

LAYERS: dict[str, Callable[[], nn.Module]] = {
    "grouped": lambda: nn.Conv2d(8, 8, 3, padding=1, groups=4),
    "depthwise": lambda: nn.Conv2d(8, 8, 3, 2, 1, groups=8),
    "strided": lambda: nn.Conv2d(8, 8, (3, 2), (2, 3), (1, 0)),
    "stride_above_kernel": lambda: nn.Conv2d(8, 8, 1, 2),
    "dilated": lambda: nn.Conv2d(8, 8, 3, 1, 2, dilation=2),
    "same_padding": lambda: nn.Conv2d(8, 8, (3, 4), padding="same"),
    "reflect_padding": lambda: nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"),
    "replicate_padding": lambda: nn.Conv2d(8, 8, 3, padding=1, padding_mode="replicate"),
    "transposed": lambda: nn.ConvTranspose2d(8, 8, 3, 2, 1, 1, groups=2),
    "batch_norm": lambda: nn.BatchNorm2d(8),
    "conv_batch_norm": lambda: nn.Sequential(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU()),
    "group_norm": lambda: nn.GroupNorm(4, 8),
    "instance_norm": lambda: nn.InstanceNorm2d(8, affine=True),
    "zero_padding": lambda: nn.ZeroPad2d((1, 2, 0, 3)),
    "bilinear": lambda: nn.Upsample(scale_factor=2, mode="bilinear"),
    "bilinear_corners": lambda: nn.Upsample((20, 13), mode="bilinear", align_corners=True),
    "nearest": lambda: nn.Upsample(scale_factor=2),
    "squeeze_excite": SqueezeExcite,
    "channel_shuffle": lambda: nn.ChannelShuffle(2),
}

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "constants": lambda x: x * x.detach().sigmoid() + torch.zeros_like(x) + torch.ones_like(x),
    "layer_norm": lambda x: F.layer_norm(x.permute(0, 2, 3, 1), (8,)).permute(0, 3, 1, 2),
    "l2": lambda x: F.normalize(x, dim=1),
    "concatenation": lambda x: torch.cat([x[:, :3], x.tanh(), x[:, 3:] ** 2], 1)[:, 2:10],
    "residual": lambda x: x + F.relu(x) * 0.5 - x.abs() / 3,
    "in_place": _in_place,
    "split": _split,
    "slices": _first_of_pairs,
    "grn": _grn,
    "glu": lambda x: F.glu(torch.cat([x, x.flip(1)], 1), 1),
    "gem": lambda x: F.avg_pool2d(x.clamp(min=1e-6).pow(3), 3).pow(1 / 3),
    "pixel_unshuffle": lambda x: F.pixel_shuffle(F.pixel_unshuffle(x[:, :, :8, :10], 2), 2),
    "einsum": lambda x: torch.einsum("nchw,nchv->ncwv", x, x) / 9,
    "max_over_channels": lambda x: x * x.max(1, keepdim=True).values,
    "where": lambda x: torch.where(x > 0.1, x.sin(), x * 3),
    "roll": lambda x: x.roll((1, 2), (2, 3)) * x,
    "variance": lambda x: x / (x.var((2, 3), keepdim=True) + 1).sqrt(),
}


def _applied(make: Callable[[], nn.Module]) -> nn.Module:
    return Apply(make())


def tails() -> dict[str, Callable[[], nn.Module]]:
    """Every tail by name; make them under a seed."""
    modules = {**ACTIVATIONS, **POOLING, **LAYERS}
    made: dict[str, Callable[[], nn.Module]] = {
        name: partial(_applied, make) for name, make in modules.items()
    }
    made |= {name: partial(Apply, function) for name, function in FUNCTIONS.items()}
    made |= {
        "fully_connected": _fully_connected,
        "attention": ClassToken,
        "attention_pooling": AttentionPool,
    }
    return made
