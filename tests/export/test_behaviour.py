"""Networks that are refused before anything is split, each in one line that says why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from camexport.build import BuildOptions, build_bundle
from camexport.errors import ExportError, ParityError, UnsupportedError
from camexport.models import find_architecture, load_network, require_classifier
from camexport.parity import Reference
from camexport.tracing import trace
from networks import Plain

SIZE = (16, 16)


class Centred(Plain):
    """Takes the mean of a batch away."""

    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)
        return logits - logits.mean(0)


class BackInTraining(Plain):
    """A batch norm that takes the statistics of the batch, whatever mode it was in."""

    def forward(self, images: Tensor) -> Tensor:
        self.features[1].train()
        return super().forward(images)


class Functional(Plain):
    """The same without a module."""

    def forward(self, images: Tensor) -> Tensor:
        values = nn.functional.batch_norm(self.features[0](images), None, None, training=True)
        logits: Tensor = self.fc(values.mean((2, 3)))
        return logits


class AlwaysDropping(Plain):
    """Dropout that does not know of eval mode."""

    def forward(self, images: Tensor) -> Tensor:
        values = nn.functional.dropout(self.features(images), 0.5, training=True)
        logits: Tensor = self.fc(values.mean((2, 3)))
        return logits


class Remembering(Plain):
    """Adds what it saw before."""

    before: Tensor | None = None

    def forward(self, images: Tensor) -> Tensor:
        values = self.features(images)
        known = self.before is not None and self.before.shape == values.shape
        mixed = values + self.before if known else values
        self.before = values.detach()
        logits: Tensor = self.fc(mixed.mean((2, 3)))
        return logits


class Overflowing(Plain):
    """Infinite in float32 alone."""

    def forward(self, images: Tensor) -> Tensor:
        values = self.features(images)
        logits: Tensor = self.fc(torch.exp(values.abs() * 1e4).mean((2, 3)))
        return logits


class FirstOnly(Plain):
    """One answer for all images."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images[:1])


class Dead(Plain):
    """ReLUs that no picture wakes."""

    def forward(self, images: Tensor) -> Tensor:
        values = torch.relu(-1 - self.features(images).abs())
        logits: Tensor = self.fc(values.mean((2, 3)))
        return logits


class Deaf(Plain):
    """Hears only what is loud, or what is coarse."""

    loud, coarse = 1e9, 1e9

    def forward(self, images: Tensor) -> Tensor:
        heard = torch.relu(images.abs().amax((1, 2, 3)) - self.loud)
        heard = heard + torch.relu(images.mean((1, 2, 3)).abs() - self.coarse)
        return super().forward(images * heard.clamp(max=1)[:, None, None, None])


class HardOfHearing(Deaf):
    loud = 50.0


class Longsighted(Deaf):
    coarse = 10.0


def _holding(value: float) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        network = Plain()
        nn.init.constant_(network.fc.weight, value)
        return network

    return make


@pytest.mark.parametrize(
    ("make", "kind", "said"),
    [
        (Centred, UnsupportedError, r"other images of its batch, by .* a mean or the like"),
        (Functional, UnsupportedError, r"other images of its batch"),
        (BackInTraining, UnsupportedError, r"leaves features\.1 in training mode"),
        (AlwaysDropping, UnsupportedError, r"differently each time, by .* dropout"),
        (Remembering, UnsupportedError, r"differently each time, .* earlier images"),
        (FirstOnly, UnsupportedError, r"answers 3 images with a tensor of shape \(1, 4\)"),
        (Overflowing, ParityError, r"float32 is not enough from 'fc' on"),
        (Dead, UnsupportedError, r"same answer for every image .* do not depend on the picture"),
        (Deaf, UnsupportedError, r"same answer for every image of noise"),
    ],
)
def test_what_no_graph_could_be_true_to(
    make: Callable[[], nn.Module], kind: type[ExportError], said: str
) -> None:
    torch.manual_seed(0)
    with pytest.raises(kind, match=said) as raised:
        require_classifier(make().eval(), SIZE)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("make", [HardOfHearing, Longsighted])
def test_what_weak_noise_alone_does_not_move_is_a_classifier(make: type[Deaf]) -> None:
    torch.manual_seed(0)
    network = make().eval()
    weak = network(torch.randn(3, 3, *SIZE))
    assert torch.equal(weak, weak[:1].expand(3, -1))
    require_classifier(network, SIZE)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(value: float) -> None:
    with pytest.raises(ParityError, match=r"weights hold NaN or infinite values, in fc\.weight"):
        require_classifier(_holding(value)().eval(), SIZE)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_networks_in_another_precision(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype) -> None:
    monkeypatch.setattr("networks.plain", lambda: Plain().to(dtype))
    with pytest.raises(UnsupportedError, match=rf"is {dtype}: expected .* \.float\(\)"):
        load_network(find_architecture("networks:plain"), "default", 0, SIZE)


def test_networks_without_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("networks.plain", lambda: Plain().to("meta"))
    with pytest.raises(UnsupportedError, match=r"is on the device 'meta': expected .* CPU"):
        load_network(find_architecture("networks:plain"), "default", 0, SIZE)


class Caching(Plain):
    """Keeps a tensor of an earlier pass, as timm's ConViT does, but in no buffer."""

    ramp: Tensor | None = None

    def forward(self, images: Tensor) -> Tensor:
        values = self.features(images)
        if self.ramp is None or len(self.ramp) != values.shape[-1]:
            self.ramp = torch.linspace(0, 1, values.shape[-1])
        logits: Tensor = self.fc((values @ self.ramp[:, None]).mean((2, 3)))
        return logits


def caching() -> nn.Module:
    """Used before in inference mode, whose tensors autograd does not take."""
    torch.manual_seed(0)
    network = Caching().eval()
    with torch.inference_mode():
        network(torch.zeros(1, 3, *SIZE))
    return network


def test_a_trace_leaves_no_tensors_without_values_behind() -> None:
    torch.manual_seed(0)
    network = Caching().eval()
    images = torch.randn(2, 3, *SIZE)
    expected = network(images)
    network.ramp = None
    trace(network, SIZE)
    assert network.ramp is None
    torch.testing.assert_close(network(images), expected, rtol=0, atol=0)


def test_tensors_kept_from_inference_mode_do_not_reach_the_gradient(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("networks.plain", caching)
    options = BuildOptions(model="networks:plain", size=SIZE, layer="features", out=tmp_path / "b")
    manifest = build_bundle(options).bundle.manifest
    assert max(parity.relative for parity in manifest.parity) < 1e-5


class OwnTensors(Plain):
    """Makes a tensor as it runs, and casts in every way that people write."""

    dtype: torch.dtype | None = None

    def forward(self, images: Tensor) -> Tensor:
        values = self.features(images.float().to(torch.float32).to(dtype=torch.float32))
        ones = torch.ones(values.shape[-1], 2, dtype=self.dtype)
        logits: Tensor = self.fc((values @ ones).mean((2, 3)))
        return logits


def test_float64_reaches_tensors_that_a_network_makes_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    network, images = OwnTensors().eval(), torch.randn(2, 3, *SIZE)
    reference = Reference(network, "features")
    with reference.exact() as exact:
        logits = exact.run(images)[1]
    assert logits.dtype == torch.float64
    torch.testing.assert_close(logits.float(), network(images), rtol=1e-5, atol=1e-6)
    assert torch.get_default_dtype() == torch.float32
    monkeypatch.setattr(OwnTensors, "dtype", torch.float16)
    refused = pytest.raises(
        UnsupportedError, match=r"cannot be run in float64.*test_behaviour\.py:\d+: `"
    )
    with reference.exact() as exact, refused:
        exact.run(images)
    assert torch.get_default_dtype() == torch.float32
