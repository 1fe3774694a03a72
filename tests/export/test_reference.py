"""PyTorch as the reference: values of a network that is worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn

from camexport.parity import Reference
from networks import Twice


class Squares(nn.Module):
    """`act(2 * act(images))`, then logits `(sum, sum of squares)`."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU()
        self.factor = nn.Parameter(torch.tensor(2.0))

    def forward(self, images: Tensor) -> Tensor:
        values = self.act(self.factor * self.act(images))
        return torch.stack([values.sum((1, 2, 3)), (values**2).sum((1, 2, 3))], 1)


IMAGE = torch.tensor([[[[1.0, -3.0], [0.5, 0.0]]]])
OTHER = torch.tensor([[[[1.0, 2.0], [0.0, 3.0]]]])


@pytest.fixture(params=["float32", "float64"])
def reference(request: pytest.FixtureRequest) -> Iterator[Reference]:
    plain = Reference(Squares(), "act")
    with plain.exact() if request.param == "float64" else nullcontext(plain) as one:
        yield one


def test_one_pass_gives_the_last_call_and_the_logits(reference: Reference) -> None:
    activations, logits = reference.run(IMAGE)
    assert activations.tolist() == [[[[2.0, 0.0], [1.0, 0.0]]]]
    assert logits.tolist() == [[3.0, 5.0]]


def test_only_the_last_output_is_replaced(reference: Reference) -> None:
    """Also before anything else ran; the first call's has another meaning."""
    assert reference.replaced_by(OTHER, IMAGE).tolist() == [[6.0, 14.0]]


def test_the_gradient_is_taken_at_the_activations_of_each_target(reference: Reference) -> None:
    both = torch.cat([OTHER, OTHER])
    gradient = reference.gradient(torch.cat([IMAGE, IMAGE]), both, torch.tensor([0, 1]))
    assert gradient.tolist() == [[[[1.0, 1.0], [1.0, 1.0]]], [[[2.0, 4.0], [0.0, 6.0]]]]
    assert not gradient.requires_grad


class Keeps(Squares):
    """Remembers tensors, in all the places where a module can."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.5, dtype=torch.float16))
        self.register_buffer("steps", torch.tensor([1.0, 2.0]))
        self.shift = torch.zeros(())
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.last = images
        self.seen.append(images)
        return super().forward(images) + self.shift


def test_float64_is_for_a_block_and_leaves_the_network_as_it_was() -> None:
    network = Keeps()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    third = torch.full((1, 1, 2, 2), 1 / 3)
    with Reference(network, "act").exact() as exact:
        assert exact.run(IMAGE)[1].dtype == torch.float64
        assert exact.replaced_by(third, IMAGE)[0, 1] == 4 * float(third[0, 0, 0, 0]) ** 2
        assert {value.dtype for value in exact.network.state_dict().values()} == {torch.float64}
    after = network.state_dict()
    assert {name: value.dtype for name, value in after.items()} == {
        name: value.dtype for name, value in before.items()
    }
    assert all(value.equal(before[name]) for name, value in after.items())
    assert (network.seen, network.shift.dtype) == ([], torch.float32)
    assert not hasattr(network, "last")
    assert Reference(network, "act").run(IMAGE)[1].dtype == torch.float32


def test_the_weights_come_back_when_a_block_ends_in_an_error() -> None:
    network = Keeps()
    with pytest.raises(KeyError), Reference(network, "act").exact():
        raise KeyError
    assert (network.factor.dtype, network.scale.dtype) == (torch.float32, torch.float16)


def test_what_the_network_changes_in_place_stays_as_the_layer_gave_it() -> None:
    network = Twice().eval()
    activations, logits = Reference(network, "act").run(torch.ones(1, 3, 8, 8))
    assert activations.min() == 0, "one is added to them afterwards"
    torch.testing.assert_close(
        Reference(network, "act").replaced_by(activations, torch.ones(1, 3, 8, 8)), logits
    )
