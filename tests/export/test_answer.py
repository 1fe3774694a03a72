"""What outputs mean: final softmaxes and sigmoids left out, one logit made two, several labels."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

import camruntime
from answers import ENDS, REFUSED, Ending, ending
from camexport.build import BuildOptions, build_bundle
from camexport.errors import OptionError, UnsupportedError, WeightsError
from camexport.models import find_architecture, load_network, settle_answer
from camexport.randomise import RandomiseOptions, randomise_bundle
from camexport.tracing import trace
from camexport.verify import verify_bundle
from camruntime import Explainer
from camruntime.bundle import Answer
from camruntime.pictures import Picture, prepare

SIZE = (24, 32)
IMAGES = torch.randn(5, 3, *SIZE, generator=torch.Generator().manual_seed(1))


def _wanted(network: Ending, kind: str) -> Tensor:
    """Logits as the bundle shall have them, by way of the parts before the end."""
    with torch.no_grad():
        logits = network.logits(IMAGES)
    if network.end is ENDS["attention_before"][1]:
        return logits * logits.softmax(1)
    return torch.cat([0 * logits, logits], 1) if kind == "one" else logits


@pytest.mark.parametrize("name", ENDS)
def test_a_network_answers_with_logits(name: str) -> None:
    """Eagerly, traced, and copied to float64; whatever stands at its end."""
    kind, network = ENDS[name][2], ending(name).eval()
    expected = _wanted(network, kind)
    settled = settle_answer(network, SIZE)
    one = kind == "one"
    assert settled.answer == Answer(probabilities="softmax" if one else kind, one_logit=one)  # type: ignore[arg-type]
    assert settled.output == ("logits" if name == "dictionary" else None)
    exact = copy.deepcopy(network).double()
    with torch.no_grad():
        torch.testing.assert_close(network(IMAGES), expected)
        torch.testing.assert_close(trace(network, SIZE).module(IMAGES), expected)
        torch.testing.assert_close(exact(IMAGES.double()).float(), expected)
        torch.testing.assert_close(network(IMAGES[:1]), expected[:1])


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_logits_is_refused(name: str) -> None:
    with pytest.raises((UnsupportedError, OptionError), match=REFUSED[name][2]) as refused:
        settle_answer(ending(name).eval(), SIZE)
    assert "\n" not in str(refused.value)


def test_one_number_for_everything_is_no_probability() -> None:
    """As of networks whose weights are all alike."""
    network = ending("halves").eval()
    assert settle_answer(network, SIZE).answer == Answer()
    torch.testing.assert_close(network(IMAGES), torch.full((len(IMAGES), 3), 0.5))


def test_none_takes_the_answer_as_it_is() -> None:
    for name in ("softmax", "sigmoid", "softmax_by_hand", "one_sigmoid"):
        network = ending(name).eval()
        expected = network(IMAGES)
        assert settle_answer(network, SIZE, 3, "none").answer == Answer(probabilities="none")
        torch.testing.assert_close(network(IMAGES), expected)


@pytest.mark.parametrize(
    ("name", "asked", "threshold", "said"),
    [
        ("softmax", "sigmoid", None, "--probabilities sigmoid: the network ends in a softmax"),
        ("sigmoid", "softmax", None, "--probabilities softmax: the network ends in a sigmoid"),
        ("plain", None, 0.3, "--threshold goes with classes that are by themselves"),
        ("one", "sigmoid", 0.3, "probabilities are of one logit"),
        ("sigmoid", None, 1.0, "--threshold lies between 0 and 1, got 1.0"),
    ],
)
def test_options_that_contradict_the_network(
    name: str, asked: Any, threshold: float | None, said: str
) -> None:
    with pytest.raises(OptionError, match=said):
        settle_answer(ending(name).eval(), SIZE, 3, asked, threshold)


def test_sigmoid_where_it_cannot_be_seen() -> None:
    """A network trained with a loss that holds the sigmoid, as BCEWithLogitsLoss."""
    network = ending("plain").eval()
    settled = settle_answer(network, SIZE, 3, "sigmoid", 0.8)
    assert settled.answer == Answer(probabilities="sigmoid", threshold=0.8)


@pytest.fixture(scope="module")
def photo() -> Picture:
    rng = np.random.default_rng(4)
    return np.asarray(rng.integers(0, 256, (*SIZE, 3)), np.uint8)


@pytest.fixture
def build(in_tests: None, tmp_path: Path) -> Any:
    """Builds a bundle of an end, and loads it."""

    def made(name: str, **options: Any) -> Explainer:
        arguments = (("name", name),)
        chosen = BuildOptions(
            model="answers:ending", arguments=arguments, size=SIZE, out=tmp_path / name, **options
        )
        build_bundle(chosen)
        return camruntime.load(tmp_path / name, ["cpu"])

    return made


def _grad_cam(network: Ending, image: Tensor, score: Any) -> Tensor:
    """By definition, of a score of the logits."""
    activations = network.features(image)
    logits = 20 * network.fc(activations.mean((2, 3)))
    (gradient,) = torch.autograd.grad(score(logits), activations)
    found: Tensor = (gradient.mean((2, 3), keepdim=True) * activations).sum(1).relu()[0].detach()
    return found


@pytest.mark.parametrize("name", ["one", "one_sigmoid_flat"])
def test_one_logit_is_two_classes(build: Any, photo: Picture, name: str) -> None:
    """Probabilities are the sigmoid's, and both classes have maps, each of its lead."""
    explainer, network = build(name), ending(name).eval()
    assert explainer.labels == ("class 0", "class 1")
    image = torch.from_numpy(prepare(photo, explainer.bundle.manifest.input))
    bad = network.logits(image).sigmoid().item()
    for target, sign, probability in ((1, 1, bad), (0, -1, 1 - bad)):
        found = explainer.explain(photo, "grad-cam", target)
        assert found.target.probability == pytest.approx(probability, rel=1e-5)
        assert found.predicted.index == int(bad > 0.5)
        wanted = _grad_cam(network, image, lambda z, sign=sign: sign * z[0, 0])
        assert not found.no_evidence
        np.testing.assert_allclose(found.raw, wanted, atol=1e-6)
    both = explainer.explain(photo, "recipro-cam", [0, 1])
    np.testing.assert_allclose(both[0].raw, 1 - both[1].raw, atol=1e-6)
    assert not both[0].no_evidence
    cell = torch.zeros(network.features(image).shape)
    cell[..., 2, 3] = network.features(image)[..., 2, 3]
    alone = 20 * network.fc(cell.mean((2, 3)))
    assert both[1].raw[2, 3] == pytest.approx(alone.sigmoid().item(), rel=1e-5)
    logit = explainer.explain(photo, "recipro-cam:score=logit", [0, 1])
    np.testing.assert_allclose(logit[0].raw, -logit[1].raw, atol=1e-6)


@pytest.mark.parametrize(
    "spec", ["score-cam", "decom-cam:components=2", "anytime-score-cam", "cam"]
)
def test_of_one_logit_the_first_class_is_no_constant(build: Any, photo: Picture, spec: str) -> None:
    """Of [0, z] itself the first would be the same on every masked picture."""
    first, second = build("one").explain(photo, spec, [0, 1])
    assert not first.no_evidence
    assert np.abs(first.raw - second.raw).max() > 1e-3 * np.abs(second.raw).max()


def test_a_bundle_of_one_logit_is_verified_and_randomised(build: Any, tmp_path: Path) -> None:
    build("one_sigmoid", layer="features")
    assert (
        max(parity.relative for parity in verify_bundle(tmp_path / "one_sigmoid", trust=True))
        < 1e-4
    )
    options = RandomiseOptions(
        bundle=tmp_path / "one_sigmoid", out=tmp_path / "r", stages=1, trust=True
    )
    (stage,) = randomise_bundle(options)
    assert stage.manifest.answer == Answer(one_logit=True)


@pytest.mark.parametrize(("name", "threshold"), [("sigmoid", None), ("plain", 0.9)])
def test_several_labels_at_once(
    build: Any, photo: Picture, name: str, threshold: float | None
) -> None:
    asked: Any = {} if threshold is None else {"probabilities": "sigmoid", "threshold": threshold}
    explainer, network = build(name, **asked), ending(name).eval()
    image = torch.from_numpy(prepare(photo, explainer.bundle.manifest.input))
    probabilities = network.logits(image).sigmoid()[0].detach().numpy()
    found = explainer.explain(photo, "recipro-cam", 1)
    assert found.target.probability == pytest.approx(float(probabilities[1]), rel=1e-5)
    assert found.predicted.index == probabilities.argmax()
    order, least = np.argsort(-probabilities), threshold or 0.5
    there = [int(one) for one in order if probabilities[one] >= least]
    assert [one.index for one in found.present] == there
    assert found.figures()["present"] == [dataclasses.asdict(one) for one in found.present]
    cell = torch.zeros(network.features(image).shape)
    cell[..., 1, 4] = network.features(image)[..., 1, 4]
    alone = (20 * network.fc(cell.mean((2, 3)))).sigmoid()
    assert found.raw[1, 4] == pytest.approx(alone[0, 1].item(), rel=1e-5)


def test_probabilities_are_not_softmaxed_again(build: Any, photo: Picture) -> None:
    explainer, network = build("softmax"), ending("softmax").eval()
    image = torch.from_numpy(prepare(photo, explainer.bundle.manifest.input))
    found = explainer.explain(photo, "grad-cam", 2)
    assert found.target.probability == pytest.approx(network(image)[0, 2].item(), rel=1e-5)
    wanted = _grad_cam(network, image, lambda z: z[0, 2])
    np.testing.assert_allclose(found.raw, wanted, atol=1e-6)


def _file(path: Path, activation: str | None, classes: int, squeeze: bool = False) -> Path:
    """A classifier whose output is called `output`, as most are."""
    rng = np.random.default_rng(2)
    constants: dict[str, Any] = {
        "w": rng.normal(0, 0.3, (6, 3, 3, 3)).astype(np.float32),
        "fc": rng.normal(0, 2, (6, classes)).astype(np.float32),
        "shape": np.array([0, 6], np.int64),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["features"]),
        helper.make_node("GlobalAveragePool", ["features"], ["p"]),
        helper.make_node("Reshape", ["p", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "fc"], ["scores"]),
    ]
    if activation is not None:
        nodes.append(helper.make_node(activation, ["scores"], ["answer"]))
    if squeeze:
        nodes.append(helper.make_node("Squeeze", [nodes[-1].output[0], "axis"], ["flat_answer"]))
        constants["axis"] = np.array([1], np.int64)
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, *SIZE])],
        [onnx.ValueInfoProto(name=nodes[-1].output[0])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(onnx.shape_inference.infer_shapes(model), path)
    return path


@pytest.mark.parametrize(
    ("activation", "classes", "squeeze", "output"),
    [
        ("Sigmoid", 1, False, None),
        ("Sigmoid", 1, True, None),
        ("Sigmoid", 3, False, None),
        ("Softmax", 3, False, None),
        ("Softmax", 3, False, "answer"),
        ("Sigmoid", 3, False, "scores"),
    ],
)
def test_an_onnx_file_means_what_it_says(
    tmp_path: Path, activation: str, classes: int, squeeze: bool, output: str | None
) -> None:
    path = _file(tmp_path / "f.onnx", activation, classes, squeeze)
    options = BuildOptions(model=str(path), output=output, gradient=False, out=tmp_path / "b")
    built = build_bundle(options).bundle.manifest
    explainer = camruntime.load(tmp_path / "b", ["cpu"])
    photo = np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    image = prepare(photo, built.input)
    expected = ort.InferenceSession(str(path)).run(None, {"x": image})[0].reshape(-1)
    if classes == 1:
        expected = np.array([1 - expected[0], expected[0]])
    found = explainer.explain(photo, "recipro-cam", list(range(len(expected))))
    np.testing.assert_allclose([one.target.probability for one in found], expected, rtol=1e-4)
    assert built.answer.one_logit == (classes == 1)
    kind = "softmax" if classes == 1 else activation.lower()
    assert built.answer.probabilities == kind


def test_two_labels_may_be_those_of_one_logit(tmp_path: Path) -> None:
    """A state dict says which: with one class layer's row, or with two, or it fits neither."""
    architecture = find_architecture("shufflenet_v2_x0_5")
    for rows in (1, 2, 3):
        torch.save(architecture.make(rows).state_dict(), tmp_path / f"{rows}.pth")
    images = torch.zeros(1, 3, 32, 32)
    for rows in (1, 2):
        path = str(tmp_path / f"{rows}.pth")
        network, _ = load_network(architecture, path, 0, (32, 32), classes=2)
        assert network(images).shape == (1, rows)
    with pytest.raises(WeightsError, match=r"3\.pth"):
        load_network(architecture, str(tmp_path / "3.pth"), 0, (32, 32), classes=2)
