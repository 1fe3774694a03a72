"""One small network with the ends that users give theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

End = Callable[[Tensor], Any]


class Ending(nn.Module):
    """Convolutions, mean, linear; then `end`. `logits` gives what comes before that."""

    def __init__(self, classes: int, end: End) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 6, 3, 2, 1), nn.ReLU()
        )
        self.fc = nn.Linear(6, classes)
        self.end = end

    def logits(self, images: Tensor) -> Tensor:
        found: Tensor = 20 * self.fc(self.features(images).mean((2, 3)))
        return found

    def forward(self, images: Tensor) -> Any:
        return self.end(self.logits(images))


def _spread(logits: Tensor) -> dict[str, Tensor]:
    return {"hidden": logits[:, :, None].expand(-1, -1, 3), "logits": logits, "n": logits.argmax(1)}


ENDS: dict[str, tuple[int, End, str]] = {
    "plain": (4, nn.Identity(), "softmax"),
    "softmax": (4, nn.Softmax(1), "softmax"),
    "softmax_function": (4, lambda z: nn.functional.softmax(z, dim=-1), "softmax"),
    "softmax_4d": (4, lambda z: z[:, :, None, None].softmax(1), "softmax"),
    "softmax_then_moved": (
        4,
        lambda z: z.softmax(1).clone().reshape(-1, 2, 2).flatten(1),
        "softmax",
    ),
    "softmax_aten": (4, lambda z: torch.ops.aten._softmax(z, 1, False), "softmax"),
    "log_softmax": (4, nn.LogSoftmax(-1), "softmax"),
    "attention_before": (4, lambda z: z * z.softmax(1), "softmax"),
    "sigmoid": (4, torch.sigmoid, "sigmoid"),
    "sigmoid_in_place": (4, lambda z: z.sigmoid_(), "sigmoid"),
    "expit": (4, torch.special.expit, "sigmoid"),
    "dictionary": (4, _spread, "softmax"),
    "grid_of_one": (4, lambda z: z[:, :, None, None], "softmax"),
    "one": (1, nn.Identity(), "one"),
    "one_flat": (1, lambda z: z.squeeze(1), "one"),
    "one_squeezed": (1, lambda z: z.squeeze(), "one"),
    "one_sigmoid": (1, nn.Sigmoid(), "one"),
    "one_sigmoid_flat": (1, lambda z: z.sigmoid().flatten(), "one"),
}
"""Classes, the end, and how its logits become probabilities."""

REFUSED: dict[str, tuple[int, End, str]] = {
    "softmax_by_hand": (3, lambda z: z.exp() / z.exp().sum(1, keepdim=True), "sum to 1 for every"),
    "softmin": (3, lambda z: nn.functional.softmin(z, 1), "sum to 1 for every image"),
    "both_by_hand": (1, lambda z: torch.cat([1 - z.sigmoid(), z.sigmoid()], 1), "sum to 1"),
    "sigmoid_by_hand": (1, lambda z: 1 / (1 + (-z).exp()), r"lie in \[0, 1\]: they are"),
    "hardsigmoid": (3, nn.Hardsigmoid(), r"lie in \[0, 1\]: they are"),
    "softmax_over_images": (3, nn.Softmax(0), r"lie in \[0, 1\]"),
    "percents": (3, lambda z: 100 * z.softmax(1), "sum to 100 for every image: they are"),
    "softmax_with_floor": (3, lambda z: z.softmax(1) + 0.01, r"sum to 1\.03 for every image"),
    "top_two": (4, lambda z: z.topk(2), "is what topk chose from its logits"),
    "top_one": (4, lambda z: z.max(1).values, "is what max chose from its logits"),
    "sorted": (4, lambda z: z.sort(1)[0], "is what sort chose from its logits"),
    "softmax_of_one": (1, nn.Softmax(1), "softmax over one class, which is 1 for every picture"),
    "classes": (3, lambda z: z.argmax(1), r"returns int64 \(n, 1\), expected logits"),
    "sequence": (3, lambda z: z[:, None].expand(-1, 5, -1), r"returns float32 \(n, 5, 3\)"),
    "two": (3, lambda z: (z, -z), r"returns 0 float32 \(n, 3\), 1 float32 \(n, 3\), several of"),
    "none_of_two": (
        3,
        lambda z: {"a": z[None], "b": 1},
        r"a float32 \(n, .*, b int, none of",
    ),
    "nothing": (3, lambda z: None, "returns NoneType, none of which may be logits"),
}


HALVES: dict[str, tuple[int, End, str]] = {"halves": (3, lambda z: 0 * z + 0.5, "softmax")}


def ending(name: str) -> Ending:
    """`answers:ending` with `--arg name=...`."""
    classes, end, _ = {**ENDS, **REFUSED, **HALVES}[name]
    return Ending(classes, end)
