"""Contrasts against plain PyTorch: a network that computes them itself, as outputs of its own."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from camruntime.methods import make_method
from camruntime.pictures import Picture
from pairs import SMALL_VGG, Pair, Pairs, assert_same_map

SPECS = [
    *("grad-cam", "grad-cam++", "layer-cam", "hires-cam", "xgrad-cam", "wgrad-cam"),
    *("smooth-grad-cam++:samples=2", "integrated-grad-cam:steps=4", "decom-cam:components=3"),
    *("score-cam", "recipro-cam:score=logit", "anytime-score-cam:share=1.0"),
    *("ablation-cam", "eigen-grad-cam", "is-cam:steps=2:preset=torch-cam"),
    "ss-cam:samples=1:preset=torch-cam",
]
PIXELS = ("integrated-grad-cam", "decom-cam")


class WithContrasts(nn.Module):
    """The network with four outputs more: contrasts of its first and last class."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        logits = self.network(image)
        first, last = logits[:, :1], logits[:, -1:]
        not_first = logits[:, 1:].logsumexp(1, keepdim=True) - first
        not_last = logits[:, :-1].logsumexp(1, keepdim=True) - last
        return torch.cat([logits, last - first, first - last, not_first, not_last], 1)


def _asked(classes: int) -> list[str]:
    """The same, as targets."""
    last = classes - 1
    return [f"{last}-0", f"0-{last}", "not 0", f"not {last}"]


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(("model", "side"), [("inspector", None), SMALL_VGG])
def test_maps(pairs: Pairs, photo: Picture, model: str, side: int | None, spec: str) -> None:
    pair = pairs(model, side)
    labels = pair.explainer.labels
    explained = pair.explainer.explain(photo, make_method(spec), _asked(len(labels)))
    expected = _reference(pair, pair.network, pair.tensor(photo), spec, len(labels))
    exact = _reference(pair, pair.exact, pair.tensor(photo).double(), spec, len(labels))
    compared = 0
    for explanation, wanted, judge in zip(explained, expected, exact, strict=True):
        if float(wanted.max()) > float(wanted.min()):
            assert_same_map(explanation.raw, wanted, judge)
            compared += 1
    assert compared, "every reference map is flat: nothing was compared"


def _reference(pair: Pair, network: nn.Module, image: Tensor, spec: str, classes: int) -> Tensor:
    method, name = make_method(spec), spec.partition(":")[0]
    options = dict(vars(method))
    if name in PIXELS:
        given = pair.explainer.bundle.manifest.input
        options |= {"mean": given.mean, "std": given.std}
    file = name.replace("+", "_plus").replace("-", "_")
    plain: Callable[..., Tensor] = importlib.import_module(f"reference.{file}").reference
    with torch.no_grad():
        wider, targets = WithContrasts(network), list(range(classes, classes + 4))
        return plain(wider, f"network.{pair.layer}", image, targets, **options)


@pytest.mark.parametrize(("model", "side"), [("inspector", None), SMALL_VGG])
def test_recipro_cam_s_probability_of_a_contrast(
    pairs: Pairs, photo: Picture, model: str, side: int | None
) -> None:
    """The sigmoid of the contrast of each cell's logits."""
    pair = pairs(model, side)
    classes = len(pair.explainer.labels)
    logits = _reference(pair, pair.network, pair.tensor(photo), "recipro-cam:score=logit", classes)
    found = pair.explainer.explain(photo, "recipro-cam", _asked(classes))
    for explanation, expected in zip(found, logits.sigmoid(), strict=True):
        assert_same_map(explanation.raw, expected)
