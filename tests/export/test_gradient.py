"""The gradient graph on ONNX Runtime beside autograd in float64, one kind of operator at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # the field's usual name
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from camexport.errors import UnsupportedError
from camexport.gradient import differentiate
from camexport.graphs import fold_batch_norms, gradient_to_onnx
from camexport.tracing import split, trace
from tails import SHAPE, Apply, tails

ORDINARY = {
    "relu",
    "hardswish",
    "gelu",
    "softmax",
    "max_overlapping",
    "max_ceil",
    "average_ceil",
    "average_without_padding",
    "adaptive_average",
    "depthwise",
    "strided",
    "transposed",
    "conv_batch_norm",
    "group_norm",
    "layer_norm",
    "bilinear",
    "replicate_padding",
    "squeeze_excite",
    "constants",
    "in_place",
    "split",
    "slices",
    "fully_connected",
    "attention",
    "attention_pooling",
}
"""The others take minutes altogether; `adaptive_max` is among the kinks, with ties."""

TAILS = [
    pytest.param(name, marks=() if name in ORDINARY else (pytest.mark.slow,)) for name in tails()
]


class Behind(nn.Module):
    """A convolution, the target layer, and a tail."""

    def __init__(self, tail: nn.Module) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, SHAPE[0], 1)
        self.tail = tail

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.tail(self.layer(images))
        return logits


def _gradient(tail: nn.Module) -> fx.GraphModule:
    network = Behind(tail).eval().requires_grad_(False)
    return differentiate(split(trace(network, SHAPE[1:]), "layer").tail)


def _session(tail: nn.Module) -> ort.InferenceSession:
    model = gradient_to_onnx(_gradient(tail), {"activations": torch.zeros(2, *SHAPE)})
    return ort.InferenceSession(ir.to_proto(model).SerializeToString())


def _run(
    session: ort.InferenceSession, values: Tensor, targets: Tensor
) -> list[NDArray[np.float32]]:
    found: list[NDArray[np.float32]] = session.run(
        ["gradient", "logits"], {"activations": values.numpy(), "targets": targets.numpy()}
    )
    return found


def _autograd(
    tail: nn.Module, values: Tensor, targets: Tensor, dtype: torch.dtype
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    leaf = values.to(dtype).clone().requires_grad_()
    logits = copy.deepcopy(tail).to(dtype)(leaf.clone())
    (gradient,) = torch.autograd.grad(logits.gather(1, targets[:, None]).sum(), leaf)
    return gradient.double().numpy(), logits.detach().double().numpy()


def _norm(values: NDArray[np.floating]) -> float:
    return float(np.linalg.norm(values))


@pytest.mark.parametrize("name", TAILS)
def test_equals_autograd_in_float64(name: str) -> None:
    """At several batches, on ordinary and on saturated activations."""
    torch.manual_seed(0)
    tail = tails()[name]().eval().requires_grad_(False)
    session = _session(tail)
    for batch, factor in ((1, 1), (2, 30), (5, 1), (5, 30)):
        values = torch.randn(batch, *SHAPE) * factor
        targets = torch.randint(0, 4, (batch,))
        wanted, answer = _autograd(tail, values, targets, torch.float64)
        own, _ = _autograd(tail, values, targets, torch.float32)
        found, logits = _run(session, values, targets)
        assert found.shape == wanted.shape
        assert _norm(wanted) > 0
        assert _norm(found - wanted) <= max(1e-6 * _norm(wanted), 2 * _norm(own - wanted))
        np.testing.assert_allclose(logits, answer, atol=1e-4 * np.abs(answer).max())


def test_layer_norms_are_not_asked_for_their_statistics() -> None:
    """OpenVINO opens no graph whose LayerNormalization has more than one output."""
    tail = tails()["layer_norm"]().eval().requires_grad_(False)
    model = gradient_to_onnx(_gradient(tail), {"activations": torch.zeros(2, *SHAPE)})
    norms = [node for node in model.graph if node.op_type == "LayerNormalization"]
    assert all(len(node.outputs) == 1 for node in norms)


def _kinked(function: Callable[[Tensor], Tensor]) -> nn.Module:
    """The function's values, weighted and summed, so that every kink's gradient shows."""

    class Kinked(nn.Module):
        def forward(self, values: Tensor) -> Tensor:
            shown = function(values)
            weights = torch.arange(1.0, shown[0].numel() + 1).reshape(shown.shape[1:])
            total = (shown * weights).sum((1, 2, 3))
            return torch.stack([total, -total, total * 2, total * 3], 1)

    return Kinked()


@pytest.mark.parametrize(
    "function",
    [
        F.relu,
        F.relu6,
        F.hardtanh,
        F.leaky_relu,
        F.hardswish,
        F.hardsigmoid,
        torch.abs,
        pytest.param(lambda x: x.clamp(min=0), id="clamp"),
        pytest.param(lambda x: F.max_pool2d(x, 3, 2, 1), id="max_overlapping"),
        pytest.param(lambda x: F.max_pool2d(x, 2, ceil_mode=True), id="max_ceil"),
        pytest.param(lambda x: F.adaptive_max_pool2d(x, (2, 3)), id="adaptive_max"),
        pytest.param(lambda x: F.adaptive_max_pool2d(x, 1), id="global_max"),
        pytest.param(lambda x: torch.maximum(x, x.flip(3)), id="maximum"),
    ],
)
def test_kinks_and_ties_follow_pytorch(function: Callable[[Tensor], Tensor]) -> None:
    """Activations of few whole values: zeros, the ends of clipped ranges, and many ties."""
    tail = _kinked(function)
    values = torch.randint(-3, 7, (3, *SHAPE), generator=torch.Generator().manual_seed(1)).float()
    targets = torch.tensor([0, 1, 3])
    wanted, _ = _autograd(tail, values, targets, torch.float32)
    found, _ = _run(_session(tail), values, targets)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_an_operator_without_a_gradient_is_named_with_its_layer() -> None:
    class Warp(nn.Module):
        def forward(self, values: Tensor) -> Tensor:
            grid = values[:, :2].permute(0, 2, 3, 1)
            return F.grid_sample(values, grid, align_corners=False)

    with pytest.raises(UnsupportedError, match=r"grid_sampler.*'tail\.function'.*--no-gradient"):
        gradient_to_onnx(_gradient(Apply(Warp())), {"activations": torch.zeros(2, *SHAPE)})


def test_slices_are_padded_back_without_an_index_for_each_value() -> None:
    class Sliced(nn.Module):
        def forward(self, values: Tensor) -> Tensor:
            part = values[:, -6:-2, 1:, :5] * values[:, 2:6, :-1, -5:] + values[:, :4, 3, 2:3, None]
            return (part * part).sum((2, 3))

    torch.manual_seed(0)
    values, targets = torch.randn(3, *SHAPE), torch.tensor([0, 3, 1])
    model = gradient_to_onnx(_gradient(Sliced()), {"activations": torch.zeros(2, *SHAPE)})
    assert not any("Scatter" in node.op_type for node in model.graph)
    session = ort.InferenceSession(ir.to_proto(model).SerializeToString())
    wanted, _ = _autograd(Sliced(), values, targets, torch.float64)
    np.testing.assert_allclose(_run(session, values, targets)[0], wanted, rtol=1e-5, atol=1e-6)


class Recurrent(nn.Module):
    """A recurrent layer over the cells."""

    def __init__(self, whole: bool) -> None:
        super().__init__()
        self.whole = whole
        self.layer = nn.GRU(8, 4, batch_first=True, bidirectional=True)
        self.cell = nn.GRUCell(8, 4)

    def forward(self, values: Tensor) -> Tensor:
        cells = values.flatten(2).mT
        if self.whole:
            summed: Tensor = self.layer(cells)[0][:, :, 4:].sum(1)
            return summed
        state = values[:, :4, 0, 0]
        for cell in cells.unbind(1):
            state = self.cell(cell, state)
        return state


@pytest.mark.parametrize(("whole", "operator"), [(True, "gru.input"), (False, "gru_cell")])
def test_derivatives_of_many_steps_are_refused_before_they_are_written(
    monkeypatch: pytest.MonkeyPatch, whole: bool, operator: str
) -> None:
    monkeypatch.setitem(differentiate.__globals__, "_LONGEST", 1000)
    tail = Recurrent(whole).eval().requires_grad_(False)
    with pytest.raises(UnsupportedError, match=rf"more than 1000 .*{operator}.*--no-gradient"):
        _gradient(tail)


def test_a_recurrent_layer_of_few_steps_has_its_gradient() -> None:
    torch.manual_seed(0)
    few = nn.Sequential(nn.AdaptiveAvgPool2d(2), Recurrent(True)).eval().requires_grad_(False)
    values, targets = torch.randn(3, *SHAPE), torch.tensor([0, 3, 1])
    wanted, _ = _autograd(few, values, targets, torch.float64)
    found, _ = _run(_session(few), values, targets)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_a_tail_without_any_derivative_is_refused() -> None:
    class Steps(nn.Module):
        def forward(self, values: Tensor) -> Tensor:
            return (values > 0).sum((2, 3))[:, :4].float()

    with pytest.raises(UnsupportedError, match="has a derivative by its activations"):
        _gradient(Steps())


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_folded_batch_norms_compute_the_same(bias: bool, affine: bool) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 6, 3, 2, 1, groups=3, bias=bias), nn.BatchNorm2d(6, affine=affine), nn.ReLU()
    )
    norm = network[1]
    assert isinstance(norm, nn.BatchNorm2d)
    for values in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
        if values is not None:
            nn.init.uniform_(values, 0.3, 2)
    program = torch.export.export(network.eval(), (torch.randn(2, 3, 9, 8),))
    folded = fold_batch_norms(program.run_decompositions({}).module(check_guards=False))
    kinds = {str(node.target) for node in folded.graph.nodes}
    assert not any("batch_norm" in kind for kind in kinds)
    images = torch.randn(2, 3, 9, 8)
    torch.testing.assert_close(folded(images), network(images), rtol=1e-5, atol=1e-6)
