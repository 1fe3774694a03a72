"""HED's ONNX file against its definition, in both conventions, written out here once more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from camexport.edge_model import build_edges
from camruntime.edge_model import open_edge_model
from camruntime.maps import FloatArray

State = dict[str, Tensor]
SHAPES = {  # by Caffe's names, which are the paper's
    **{"conv1_1": (64, 3), "conv1_2": (64, 64), "conv2_1": (128, 64), "conv2_2": (128, 128)},
    **{"conv3_1": (256, 128), "conv3_2": (256, 256), "conv3_3": (256, 256)},
    **{"conv4_1": (512, 256), "conv4_2": (512, 512), "conv4_3": (512, 512)},
    **{"conv5_1": (512, 512), "conv5_2": (512, 512), "conv5_3": (512, 512)},
    **{"score_dsn1": (1, 64), "score_dsn2": (1, 128), "score_dsn3": (1, 256)},
    **{"score_dsn4": (1, 512), "score_dsn5": (1, 512), "score_final": (1, 5)},
}
PORTED = (
    *("VggOne.0", "VggOne.2", "VggTwo.1", "VggTwo.3", "VggThr.1", "VggThr.3", "VggThr.5"),
    *("VggFou.1", "VggFou.3", "VggFou.5", "VggFiv.1", "VggFiv.3", "VggFiv.5"),
    *("ScoreOne", "ScoreTwo", "ScoreThr", "ScoreFou", "ScoreFiv", "Combine.0"),
)


def _weights() -> State:
    """Seeded; activations stay as large as pixels, and every side output varies by about a half."""
    generator = torch.Generator().manual_seed(7)
    state = {}
    for name, (out, into) in SHAPES.items():
        side = 3 if name.startswith("conv") else 1
        spread = {3: (2 / (9 * into)) ** 0.5, 1: 0.01 / into**0.5}[side]
        weight = torch.randn(out, into, side, side, generator=generator) * spread
        state[f"{name}.weight"] = weight
        state[f"{name}.bias"] = torch.randn(out, generator=generator) * (5 if side == 3 else 0.1)
    state["score_final.weight"] = torch.tensor([0.9, -1.1, 1.0, 1.2, -0.8]).reshape(1, 5, 1, 1)
    return state


def _stage(state: State, x: Tensor, number: int, count: int, padding: int = 1) -> Tensor:
    for index in range(1, count + 1):
        name = f"conv{number}_{index}"
        first = padding if (number, index) == (1, 1) else 1
        x = F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=first).relu()
    return x


def _one_by_one(state: State, x: Tensor, name: str) -> Tensor:
    return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"])


def ported(state: State, x: Tensor) -> Tensor:
    """As `network-bsds500.pytorch` was converted: padding 1, every side stretched."""
    size, sides = (x.shape[2], x.shape[3]), []
    for number, count in enumerate((2, 2, 3, 3, 3), 1):
        x = _stage(state, x if number == 1 else F.max_pool2d(x, 2), number, count)
        side = _one_by_one(state, x, f"score_dsn{number}")
        sides.append(F.interpolate(side, size, mode="bilinear", align_corners=False))
    return torch.sigmoid(_one_by_one(state, torch.cat(sides, 1), "score_final"))


def caffe(state: State, x: Tensor) -> Tensor:
    """As the authors' deploy.prototxt: padding 35, bilinear deconvolutions, crops."""
    height, width = x.shape[2:]
    sides = []
    for number, (count, crop) in enumerate(zip((2, 2, 3, 3, 3), (34, 35, 36, 38, 42), strict=True)):
        x = F.max_pool2d(x, 2, ceil_mode=True) if number else x
        x = _stage(state, x, number + 1, count, padding=35)
        side = _one_by_one(state, x, f"score_dsn{number + 1}")
        if number:
            side = F.conv_transpose2d(side, _bilinear(2**number), stride=2**number)
        sides.append(side[:, :, crop : crop + height, crop : crop + width])
    return torch.sigmoid(_one_by_one(state, torch.cat(sides, 1), "score_final"))


def _bilinear(stride: int) -> Tensor:
    """`(1, 1, 2 stride, 2 stride)`: a tent that falls to zero one stride from its middle."""
    tent = 1 - ((torch.arange(2 * stride) - (stride - 0.5)) / stride).abs()
    return torch.outer(tent, tent)[None, None]


@dataclass(frozen=True)
class Case:
    """One family: its definition, and the ONNX file that was built from the same weights."""

    define: Callable[[State, Tensor], Tensor]
    state: State
    folder: Path

    def onnx(self, photo: FloatArray) -> FloatArray:
        """Edge map of a photograph `(H, W, 3)`, RGB in 0-255, the way the runtime will ask."""
        file, model, _ = open_edge_model(self.folder)
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        pixels = model.prepare(photo.transpose(2, 0, 1)[None] / np.float32(255))
        (output,) = session.run([model.output], {model.input: pixels})
        return model.edge_map(output, (photo.shape[0], photo.shape[1]))

    def torch(self, photo: FloatArray) -> FloatArray:
        """The definition's."""
        blue_first = photo[..., ::-1] - np.array([104.00698793, 116.66876762, 122.67891434])
        x = torch.from_numpy(blue_first.astype(np.float32)).permute(2, 0, 1)[None]
        return self.define(self.state, x)[0, 0].numpy()


@pytest.fixture(scope="module", params=["ported", "caffe"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("hed")
    state = _weights()
    file, define = folder / f"{request.param}.pth", caffe
    stored = state
    if request.param == "ported":
        names = dict(zip(SHAPES, PORTED, strict=True))
        split = {key: key.rpartition(".") for key in state}
        stored = {f"net{names[a]}.{b}": state[key] for key, (a, _, b) in split.items()}
        define = ported
    torch.save(stored, file)
    build_edges(file, folder / "out")
    return Case(define, state, folder / "out")


@pytest.mark.parametrize("size", [(43, 59), (70, 37), (17, 31)])
def test_edges(case: Case, size: tuple[int, int]) -> None:
    """Borders included; in the last size the port's fifth stage has a single cell."""
    photo = np.random.default_rng(3).integers(0, 256, (*size, 3)).astype(np.float32)
    photo[: size[0] // 2, size[1] // 3 :] *= 0.2
    expected, found = case.torch(photo), case.onnx(photo)
    assert found.shape == size
    assert 0.01 < expected.min() < 0.3 < 0.7 < expected.max() < 0.99, "contrast, unsaturated"
    assert expected.std() > 0.1
    assert np.abs(found - expected).max() < 1e-5


def test_the_families_differ_by_more_than_their_borders() -> None:
    """The padding shifts the pooling's grid: weights of one family are wrong in the other."""
    state = _weights()
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 60
    inner = (..., slice(24, 40), slice(24, 40))
    assert (ported(state, x)[inner] - caffe(state, x)[inner]).abs().max() > 0.01
