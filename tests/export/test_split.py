"""Head and tail against the network itself, where cutting is not obvious."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from camexport.build import BuildOptions, build_bundle
from camexport.errors import NotACutError, NotSpatialError, UnknownLayerError, UnsupportedError
from camexport.parity import Reference
from camexport.tracing import candidates, default_layer, split, trace
from networks import BatchFromImage, Branches, Bypass, Pair, Plain, Tokens, Twice

SIZE = (32, 32)


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize(
    ("network", "layer"),
    [
        (Plain(), "features"),
        (Plain(), "features.0"),
        (Plain(), "features.1"),
        (Twice(), "act"),
        (Twice(), "features"),
        (BatchFromImage(), "features"),
    ],
)
def test_head_and_tail_equal_the_network(network: nn.Module, layer: str, batch: int) -> None:
    network.eval()
    parts = split(trace(network, SIZE), layer)
    images = torch.randn(batch, 3, *SIZE, generator=torch.Generator().manual_seed(batch))
    activations, logits = Reference(network, layer).run(images)
    torch.testing.assert_close(parts.head(images), activations)
    torch.testing.assert_close(parts.tail(activations.clone()), logits)


def test_a_module_called_twice_is_cut_at_its_last_call() -> None:
    network = Twice().eval()
    parts = split(trace(network, SIZE), "act")
    images = torch.randn(2, 3, *SIZE)
    last = torch.relu(network.again(torch.relu(network.features(images))) - 0.1)
    torch.testing.assert_close(parts.head(images), last)


def test_a_bypass_is_refused_and_the_cuts_are_named() -> None:
    with pytest.raises(NotACutError, match=r"'features' is not a cut of the network"):
        split(trace(Bypass().eval(), SIZE), "features")
    program = trace(torchvision.models.resnet18().eval(), (64, 64))
    with pytest.raises(NotACutError, match=r"layer4\.1\.conv1.*layers that are: .*layer3.*layer4"):
        split(program, "layer4.1.conv1")


def test_an_empty_name_is_no_default(tmp_path: Path) -> None:
    with pytest.raises(UnknownLayerError, match="no layer ''"):
        build_bundle(BuildOptions(model="networks:plain", size=SIZE, layer="", out=tmp_path / "b"))


def test_an_unknown_layer_names_the_nearest() -> None:
    with pytest.raises(UnknownLayerError, match="no layer 'feature': did you mean features"):
        split(trace(Plain().eval(), SIZE), "feature")


def test_activations_without_a_grid_are_refused() -> None:
    program = trace(Tokens().eval(), SIZE)
    with pytest.raises(NotSpatialError, match=r"'mix' gives activations of shape \(n, 3, 16\)"):
        split(program, "mix")
    with pytest.raises(NotSpatialError, match="no layer of this network"):
        default_layer(program, Tokens())


class SideBySide(Plain):
    """Two grids of the image, of other sizes, whose answers are added: CrossViT's form."""

    def __init__(self) -> None:
        super().__init__()
        self.coarse = nn.Conv2d(3, 8, 8, 8)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        fine, coarse = self.features(images), self.coarse(images)
        logits: torch.Tensor = self.fc(fine.mean((2, 3)) + coarse.amax((2, 3)))
        return logits


def test_branches_side_by_side_are_told_from_networks_without_a_grid() -> None:
    network = SideBySide().eval()
    program = trace(network, SIZE)
    with pytest.raises(NotSpatialError, match=r"5 have .* as 'coarse', but .* side by side"):
        default_layer(program, network)
    with pytest.raises(NotACutError, match="layers that are: none with a grid"):
        split(program, "coarse")
    bare = nn.Sequential(nn.Conv2d(3, 8, 8, 8), nn.Flatten()).eval()
    with pytest.raises(NotSpatialError, match=r"last of which is '0', none has learned layers"):
        default_layer(trace(bare, (16, 16)), bare)


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_slices_that_leave_nothing_out_are_left_out(axis: int) -> None:
    class Slicing(Plain):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            values = self.features(images)[:, :, :, :][:, 0:8]
            part = values.narrow(axis, 1, 3)
            return torch.cat([part.sum((1, 2, 3))[:, None], values[:, :, -1, 0]], 1)

    network = Slicing().eval()
    parts = split(trace(network, SIZE), "features")
    slices = parts.tail.graph.find_nodes(op="call_function", target=torch.ops.aten.slice.Tensor)
    assert len(slices) == 1
    activations, logits = Reference(network, "features").run(torch.randn(3, 3, *SIZE))
    torch.testing.assert_close(parts.tail(activations), logits)


@pytest.mark.parametrize(
    ("network", "said"),
    [(Pair(), r"returns 2\s+value"), (Branches(), "torch.export cannot trace")],
)
def test_networks_that_cannot_be_traced(network: nn.Module, said: str) -> None:
    with pytest.raises(UnsupportedError, match=said):
        trace(network.eval(), SIZE)


DEFAULTS = {
    "alexnet": ("features", (256, 6, 6)),
    "densenet121": ("features", (128, 7, 7)),
    "efficientnet_b0": ("features", (1280, 7, 7)),
    "convnext_tiny": ("features", (768, 7, 7)),
    "mobilenet_v2": ("features", (1280, 7, 7)),
    "mobilenet_v3_small": ("features", (576, 7, 7)),
    "regnet_y_400mf": ("trunk_output", (440, 7, 7)),
    "resnet18": ("layer4", (512, 7, 7)),
    "shufflenet_v2_x1_0": ("conv5", (1024, 7, 7)),
    "squeezenet1_0": ("features", (512, 13, 13)),
    "vgg16": ("features", (512, 7, 7)),
}


LIKE_OTHERS = {"efficientnet_b0", "mobilenet_v2"}
"""Of `mobilenet_v3_small`'s form, and traced for seconds."""

SMALLER = {"densenet121": partial(torchvision.models.DenseNet, block_config=(2, 2, 2, 2))}
"""A network of the same form, with fewer layers to trace."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in LIKE_OTHERS else [])
        for name in DEFAULTS
    ],
)
def test_default_layers(name: str) -> None:
    make = SMALLER.get(name, partial(torchvision.models.get_model, name))
    network = make().eval()
    program = trace(network, (224, 224))
    found = {one.name: one for one in candidates(program, network)}
    layer, shape = DEFAULTS[name]
    assert [one.name for one in found.values() if one.default] == [layer]
    assert found[layer].layout.shape == shape
    assert found[layer].cut
    assert default_layer(program, network) == layer


def test_candidates_of_resnet_in_order_of_execution() -> None:
    network = torchvision.models.resnet18().eval()
    found = candidates(trace(network, (64, 64)), network)
    names = [one.name for one in found]
    assert names[:5] == ["conv1", "bn1", "relu", "maxpool", "layer1.0.conv1"]
    assert names[-2:] == ["layer4.1", "layer4"]
    cuts = {one.name for one in found if one.cut}
    assert {"conv1", "maxpool", "layer1", "layer4.0", "layer4.1.relu"} <= cuts
    assert "layer4.1.bn2" not in cuts, "the residual sum bypasses it"
