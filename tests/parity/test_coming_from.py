"""`docs/coming-from.md`: their classes are all there, our specs are right, and its code runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_grad_cam
import torch
import torchcam.methods
from pytorch_grad_cam.utils import model_targets
from torch import Tensor, nn

import camruntime
from camexport.models import find_architecture, load_network
from camruntime.maps import FloatArray, pearson
from camruntime.methods import make_method, name_of, spec_of
from camruntime.metrics import METRICS, make_metric
from camruntime.pictures import prepare, read_picture
from pairs import assert_same_map

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "coming-from.md").read_text(encoding="utf-8")
INSPECTOR = PROJECT / "exported_models" / "inspector"
PHOTO = INSPECTOR / "samples" / "crack-1.png"
CRACK, GOOD = 2, 0

NO_METHODS = {
    "ActivationsAndGradients",
    "AblationLayer",
    "AblationLayerVit",
    "AblationLayerFasterRCNN",
}
"""pytorch-grad-cam's machinery, public beside its methods."""


def _section(title: str) -> str:
    """The text between a heading of the second level and the next one."""
    (found,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return str(found)


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def _spans(text: str) -> list[str]:
    """Code within lines, blocks left out."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"`([^`]+)`", prose)


def _rows(text: str, *kinds: str) -> Iterator[list[str]]:
    """Cells of the tables whose first column is called one of `kinds`."""
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        head, _, *rows = (line.strip("| ").split(" | ") for line in table.splitlines())
        if head[0] in kinds:
            yield from rows


def _classes(module: Any) -> set[str]:
    """Public classes that a module shows and its library defines."""
    root = module.__name__.partition(".")[0]
    return {
        name
        for name, one in vars(module).items()
        if isinstance(one, type) and one.__module__.startswith(root) and name[0] != "_"
    }


def _theirs(title: str, kind: str) -> set[str]:
    return {span for row in _rows(_section(title), kind) for span in _spans(row[0])}


@pytest.mark.parametrize(
    ("title", "module"),
    [("pytorch-grad-cam", pytorch_grad_cam), ("torch-cam", torchcam.methods)],
)
def test_every_class_of_theirs_has_a_row(title: str, module: Any) -> None:
    assert _classes(module) - NO_METHODS == _theirs(title, "class")


def test_every_target_of_theirs_is_named() -> None:
    named = {span.partition("(")[0] for span in _spans(_section("pytorch-grad-cam"))}
    assert _classes(model_targets) <= named


def _specs(*kinds: str) -> list[str]:
    """What stands in the middle columns, without the targets that go with it."""
    found = {span for row in _rows(PAGE, *kinds) for span in _spans(row[1])}
    return sorted(span for span in found if not span.startswith("target="))


@pytest.mark.parametrize("spec", _specs("class", "method"))
def test_methods_are_there(spec: str) -> None:
    make_method(spec)


@pytest.mark.parametrize("spec", _specs("metric"))
def test_metrics_are_there(spec: str) -> None:
    make_metric(spec)


SPEC = re.compile(r"[a-z+-]+(:[a-z]+=[\w.-]+)+(/[a-z+-]+)?|[a-z]+/[a-z+-]+")


@pytest.mark.parametrize("spec", sorted({*filter(SPEC.fullmatch, _spans(PAGE))}))
def test_whatever_looks_like_a_spec_is_one(spec: str) -> None:
    if name_of(spec) in METRICS:
        make_metric(spec)
    else:
        make_method(spec)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("GradCAM", "grad-cam"),
        ("GradCAMpp", "grad-cam++"),
        ("SmoothGradCAMpp", "smooth-grad-cam++"),
    ],
)
def test_their_names_mean_our_defaults(theirs: str, ours: str) -> None:
    assert spec_of(make_method(theirs)) == ours


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """The inspector in PyTorch, as its owner has it."""
    return load_network(find_architecture("inspector"), "default", 0, (128, 128))[0]


@pytest.fixture(autouse=True)
def _with_gradients(network: nn.Module) -> Iterator[None]:
    """What is loaded is frozen; these libraries want parameters with gradients."""
    network.requires_grad_(True)
    yield
    network.zero_grad()


@pytest.fixture(scope="module")
def explainer() -> camruntime.Explainer:
    return camruntime.load(INSPECTOR, ["cpu"])


@pytest.fixture(scope="module")
def image(explainer: camruntime.Explainer) -> Tensor:
    return torch.from_numpy(prepare(read_picture(PHOTO), explainer.bundle.manifest.input))


def test_code_runs_and_shows_the_same_maps(
    network: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Theirs and ours, in the page's order; OpenVINO XAI is in no environment of ours."""
    (tmp_path / "exported_models").symlink_to(PROJECT / "exported_models")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"network": network}
    for title in ("pytorch-grad-cam", "torch-cam"):
        (theirs,) = _blocks(_section(title), "py")
        exec(theirs, names)
        shown = np.squeeze(np.asarray(torch.as_tensor(names["shown"]).detach()))
        first, *more = _blocks(_section(title), "python")
        exec(first, names)
        np.testing.assert_allclose(names["shown"], shown, atol=1e-4)
        for block in more:
            exec(block, names)
    assert names["picture"].shape == names["photo"].shape
    assert [one.target.label for one in names["by_class"]] == ["crack", "hole"]
    assert [one.target.label for one in names["batch"]] == ["crack", "hole"]
    assert names["rather"].against is not None
    assert names["rather"].against.label == "good"

    (theirs,) = _blocks(_section("OpenVINO XAI"), "py")
    compile(theirs, "docs/coming-from.md", "exec")
    for block in _blocks(_section("OpenVINO XAI"), "python"):
        exec(block, names)
    assert sorted(one.name for one in Path("out").iterdir()) == [
        *("crack-1.json", "crack-1.npy", "crack-1.png")
    ]


def _of_pytorch_grad_cam(kind: Any, network: nn.Module, image: Tensor, **options: Any) -> Any:
    targets = options.pop("targets", [model_targets.ClassifierOutputTarget(CRACK)])
    made = {one: options.pop(one) for one in ("num_scales",) if one in options}
    with kind(network, [network.get_submodule("features")], **made) as peer:
        return peer(image, targets, **options)[0]


def _of_torch_cam(kind: Any, network: nn.Module, image: Tensor, **options: Any) -> Tensor:
    asked = {one: options.pop(one) for one in ("comparison_idx",) if one in options}
    with kind(network, "features", **options) as peer:
        scores = network(image)
        (raw,) = peer(CRACK, scores, normalized=False, **asked)
    found: Tensor = raw[0].detach()
    return found


def test_elementwise_grad_cam_is_layer_cam_behind_a_relu(
    network: nn.Module, explainer: camruntime.Explainer, image: Tensor
) -> None:
    expected = _of_pytorch_grad_cam(pytorch_grad_cam.GradCAMElementWise, network, image)
    found = explainer.explain(PHOTO, "layer-cam", CRACK)
    np.testing.assert_allclose(found.saliency, expected, atol=1e-4)


def test_finer_cam_of_one_class_is_a_contrast(
    network: nn.Module, explainer: camruntime.Explainer, image: Tensor
) -> None:
    found = explainer.explain(PHOTO, "grad-cam", "crack-good")
    targets = [model_targets.FinerWeightedTarget(CRACK, [GOOD], 1.0)]
    kind = pytorch_grad_cam.FinerCAM
    expected = _of_pytorch_grad_cam(kind, network, image, targets=targets)
    np.testing.assert_allclose(found.saliency, expected, atol=1e-4)
    theirs = torchcam.methods.FinerCAM
    raw = _of_torch_cam(theirs, network, image, gamma=1.0, comparison_idx=GOOD)
    assert_same_map(found.raw, raw)


def test_cam_equals_torch_cams(
    network: nn.Module, explainer: camruntime.Explainer, image: Tensor
) -> None:
    expected = _of_torch_cam(torchcam.methods.CAM, network, image, fc_layer="classifier")
    assert_same_map(explainer.explain(PHOTO, "cam", CRACK).raw, expected)


def test_eigen_smooth_of_hires_cam_is_eigen_grad_cam(network: nn.Module, image: Tensor) -> None:
    smooth = _of_pytorch_grad_cam(pytorch_grad_cam.HiResCAM, network, image, eigen_smooth=True)
    expected = _of_pytorch_grad_cam(pytorch_grad_cam.EigenGradCAM, network, image)
    np.testing.assert_allclose(smooth, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("spec", "theirs", "correlation"),
    [
        ("grad-cam++:preset=grad-cam", "GradCAMpp of torch-cam", 0.9999),
        ("sess:scales=3/grad-cam", "SESS of pytorch-grad-cam", 0.998),
    ],
)
def test_what_is_near(
    network: nn.Module,
    explainer: camruntime.Explainer,
    image: Tensor,
    spec: str,
    theirs: str,
    correlation: float,
) -> None:
    explanation = explainer.explain(PHOTO, spec, CRACK)
    expected: FloatArray
    if theirs.startswith("SESS"):
        found = explanation.saliency
        expected = _of_pytorch_grad_cam(pytorch_grad_cam.SESS, network, image, num_scales=3)
    else:
        found = explanation.raw
        expected = _of_torch_cam(torchcam.methods.GradCAMpp, network, image).numpy()
    likeness = pearson(found, expected)
    assert likeness is not None
    assert likeness == pytest.approx(correlation, abs=6e-4)
    assert likeness < 0.99995, "they are equal now: say so on the page"
