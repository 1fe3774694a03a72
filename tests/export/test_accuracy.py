"""`build --check`: accuracy, against PyTorch and numpy by hand."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from camexport.accuracy import PYTORCH, RUNTIME, Accuracy, Check, findings, measure_accuracy
from camexport.build import BuildOptions, build_bundle
from camexport.errors import OptionError
from camexport.inspector import LABELS
from camexport.inspector.surfaces import draw_many
from camexport.models import find_architecture
from camruntime.bundle import Manifest, open_bundle
from camruntime.datasets import Sample
from camruntime.errors import CamError
from camruntime.explainer import Explainer
from camruntime.explaining import Prediction
from camruntime.methods import Method
from camruntime.pictures import encode_png
from networks import inspector

SHIPPED = Path(__file__).parents[2] / "exported_models" / "inspector"
SAID = {"size": (128, 128), "mean": (0.5,), "std": (0.25,), "colour": "RGB", "resize": "squash"}
COUNT = 40


@pytest.fixture(scope="module")
def surfaces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "surfaces"
    for number, surface in enumerate(draw_many(77, COUNT)):
        place = folder / LABELS[surface.label]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:02}.png").write_bytes(encode_png(surface.image))
    return folder


@pytest.fixture
def options(in_tests: None, surfaces: Path, tmp_path: Path) -> BuildOptions:
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(LABELS))
    return BuildOptions(
        model="networks:inspector",
        labels=labels,
        check=surfaces,
        gradient=False,
        out=tmp_path / "bundle",
    )


def _saying(options: BuildOptions, **more: object) -> BuildOptions:
    return dataclasses.replace(options, **{**SAID, **more})  # type: ignore[arg-type]


def _measured(options: BuildOptions) -> Accuracy:
    check = build_bundle(options).check
    assert check is not None
    return measure_accuracy(check)


def _by_hand(folder: Path, mean: list[float], std: list[float]) -> tuple[list[int], float]:
    """Top classes in the order of the names, and the share that is right; 128 x 128 as it is."""
    network, answers, right = inspector().eval(), [], 0
    for file in sorted(folder.glob("*/*.png")):
        pixels = np.asarray(Image.open(file), np.float64) / 255
        image = torch.from_numpy((pixels - mean) / std).float().permute(2, 0, 1)
        with torch.no_grad():
            answers.append(int(network(image[None]).argmax()))
        right += LABELS[answers[-1]] == file.parent.name
    return answers, right / len(answers)


@pytest.mark.parametrize(
    ("said", "mean", "std", "least", "most"),
    [
        (SAID, [0.5], [0.25], 1.0, 1.0),
        ({"size": (128, 128)}, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225], 0.8, 0.95),
        ({**SAID, "mean": (0.0,), "std": (1.0,)}, [0.0], [1.0], 0.2, 0.2),
    ],
)
def test_accuracy_is_that_of_the_bundles_own_preprocessing(
    options: BuildOptions,
    surfaces: Path,
    said: dict[str, object],
    mean: list[float],
    std: list[float],
    least: float,
    most: float,
) -> None:
    found = _measured(dataclasses.replace(options, **said))  # type: ignore[arg-type]
    answers, share = _by_hand(surfaces, mean, std)
    assert list(found.answers) == [RUNTIME, PYTORCH], "nobody published this preprocessing"
    assert found.answers[RUNTIME].tolist() == found.answers[PYTORCH].tolist() == answers
    assert found.share(RUNTIME) == found.balanced(RUNTIME) == pytest.approx(share)
    assert least <= share <= most
    manifest = open_bundle(_out(options)).manifest
    words = findings(found, manifest)
    assert bool(words) is (share == 0.2)
    if words:
        assert "20.0% right" in words[0]
        assert words[0].endswith("order of the labels is probably wrong")


def _out(options: BuildOptions) -> Path:
    assert options.out is not None
    return options.out


def test_a_lower_precision_is_measured_as_it_is(options: BuildOptions) -> None:
    found = _measured(_saying(options, precision="fp16"))
    assert open_bundle(_out(options)).manifest.precision == "fp16"
    assert found.share(RUNTIME) == 1


def test_an_onnx_file_has_no_column_of_pytorch(options: BuildOptions, tmp_path: Path) -> None:
    path = tmp_path / "inspector.onnx"
    torch.onnx.export(
        inspector().eval(), (torch.zeros(1, 3, 128, 128),), str(path), dynamo=True, verbose=False
    )
    found = _measured(_saying(options, model=str(path), size=None))
    assert list(found.answers) == [RUNTIME]
    assert found.share(RUNTIME) == 1
    assert findings(found, open_bundle(_out(options)).manifest) == ()


def test_pictures_that_cannot_be_used_are_listed(options: BuildOptions, tmp_path: Path) -> None:
    folder = tmp_path / "some"
    for name, label in (("hole", 4), ("Crack", 2), ("crack", 2), ("dent", 2)):
        (folder / name).mkdir(parents=True)
        for number, surface in enumerate(draw_many(5, 10)):
            if surface.label == label:
                (folder / name / f"{number}.png").write_bytes(encode_png(surface.image))
    (folder / "hole" / "x.png").write_bytes(b"no picture")
    (folder / "loose.png").write_bytes((folder / "hole" / "4.png").read_bytes())
    check = build_bundle(_saying(options, check=folder)).check
    assert check is not None
    assert "class 'dent' is none of the network's labels" in check.pictures.notes[0]
    assert check.pictures.left_out == ("loose.png: the picture is in no class's folder",)
    seen: list[tuple[int, int]] = []
    found = measure_accuracy(check, lambda done, every: seen.append((done, every)))
    assert seen == [(done, 7) for done in range(1, 8)]
    assert len(found.samples) == 6
    (line,) = found.left_out
    assert line.startswith("hole/x.png: ")
    assert "is not a picture" in line
    assert {name: int(those.sum()) for name, those in found.by_class().items()} == {
        "Crack": 2,
        "crack": 2,
        "hole": 2,
    }


def test_no_picture_at_all_and_the_bundle_is_there(options: BuildOptions, tmp_path: Path) -> None:
    (tmp_path / "bad" / "good").mkdir(parents=True)
    (tmp_path / "bad" / "good" / "1.png").write_bytes(b"no picture")
    with pytest.raises(OptionError, match=r"none of the pictures, 1, .*/1\.png.* is written"):
        _measured(_saying(options, check=tmp_path / "bad"))
    assert open_bundle(_out(options)).manifest.labels == LABELS


@pytest.mark.parametrize(
    ("labels", "class_map", "said"),
    [
        ("a\nb\nc\nd\ne", None, "surfaces has no sample: class 'crack' is none of .*--labels says"),
        ("good\ncrack\ncrack\nhole\nx", None, r"class 'crack' may be any .*\[1, 2\]"),
        (None, {"good": [5]}, "index 5: expected 0 to 4"),
        (None, {"other": [1]}, "class crack: not in the class map"),
    ],
)
def test_what_fits_no_label_is_refused_before_anything_is_loaded(
    options: BuildOptions,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    labels: str | None,
    class_map: dict[str, list[int]] | None,
    said: str,
) -> None:
    if labels is not None and options.labels is not None:
        options.labels.write_text(labels)
    meant = tmp_path / "map.json"
    meant.write_text(json.dumps(class_map))
    monkeypatch.setattr("camexport.build.load_network", lambda *_: pytest.fail("loaded"))
    given = dataclasses.replace(options, class_map=None if class_map is None else meant)
    with pytest.raises(OptionError, match=said):
        build_bundle(given)
    assert not _out(options).exists()


def test_folders_that_are_none(options: BuildOptions, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, said in (
        (tmp_path / "missing", "is no folder: expected one with a folder per class"),
        (tmp_path / "labels.txt", "is no folder"),
        (tmp_path / "empty", "no picture was found; expected"),
    ):
        with pytest.raises(OptionError, match=said) as raised:
            build_bundle(dataclasses.replace(options, check=folder))
        assert len(str(raised.value).splitlines()) == 1
    with pytest.raises(OptionError, match="--class-map goes with --check"):
        build_bundle(dataclasses.replace(options, check=None, class_map=tmp_path / "m.json"))
    unnamed = dataclasses.replace(options, labels=None, size=(128, 128))
    with pytest.raises(OptionError, match="'crack' is none of the network's labels"):
        build_bundle(unnamed)
    assert not _out(options).exists()


def test_without_labels_folders_are_numbers_and_a_map_may_mean_several(
    options: BuildOptions, surfaces: Path, tmp_path: Path
) -> None:
    (tmp_path / "numbers").mkdir()
    for number in (0, 4):
        (tmp_path / "numbers" / str(number)).symlink_to(surfaces / LABELS[number])
    found = _measured(_saying(options, labels=None, check=tmp_path / "numbers"))
    assert found.answers[RUNTIME].tolist() == [0] * 8 + [4] * 8
    meant = tmp_path / "map.json"
    meant.write_text('{"0": [3], "4": [1, 4]}')
    mapped = dataclasses.replace(options, check=tmp_path / "numbers", class_map=meant, force=True)
    found = _measured(_saying(mapped))
    assert found.right(RUNTIME).tolist() == [False] * 8 + [True] * 8


@pytest.mark.parametrize("model", ["resnet18", "timm:resnet18"])
def test_a_publishers_own_preprocessing_is_beside_it(model: str, tmp_path: Path) -> None:
    """Of a picture in one colour every preprocessing makes the same, whatever it resizes by."""
    published = find_architecture(model).published
    assert published is not None
    value = np.array([200, 100, 50], np.uint8)
    prepared = published.prepare(np.broadcast_to(value, (300, 400, 3)).copy())
    by_hand = (value / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    expected = np.broadcast_to(by_hand[:, None, None], (1, 3, 224, 224))
    np.testing.assert_allclose(prepared.numpy(), expected, atol=1e-5)

    for name, seed in (("3", 1), ("7", 2)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        picture = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8)
        (tmp_path / "pictures" / name / "1.png").write_bytes(encode_png(picture))
    options = BuildOptions(
        model=model,
        weights="random",
        size=(64, 64),
        gradient=False,
        check=tmp_path / "pictures",
        out=tmp_path / "bundle",
    )
    check = build_bundle(options).check
    assert check is not None
    assert check.network is not None
    shown: list[tuple[int, ...]] = []
    check.network.register_forward_pre_hook(lambda _, given: shown.append(tuple(given[0].shape)))
    found = measure_accuracy(check)
    who = f"PyTorch as {'timm' if 'timm' in model else 'torchvision'} prepares pictures"
    assert list(found.answers) == [RUNTIME, PYTORCH, who]
    assert shown == [(2, 3, 64, 64), (2, 3, 224, 224)]


class _Sign(nn.Module):
    """The mean of the picture as one logit, or as two by themselves with less of the second."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 1, 1, bias=False)
        self.head = nn.Linear(1, outputs)
        nn.init.ones_(self.features.weight)
        nn.init.ones_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.features(images).mean((2, 3)))
        return logits * torch.tensor([1.0, -1.0])[: logits.shape[1]]


@pytest.mark.parametrize("outputs", [1, 2])
def test_one_logit_and_classes_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outputs: int
) -> None:
    """Bright pictures are of the second class with one logit, z > 0; the first of two is z."""
    monkeypatch.setattr("networks.plain", lambda: _Sign(outputs).eval())
    names = ("dark", "bright") if outputs == 1 else ("bright", "dark")
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(names))
    for name, value in (("dark", 20), ("bright", 220)):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "1.png").write_bytes(
            encode_png(np.full((16, 16, 3), value, np.uint8))
        )
    options = BuildOptions(
        model="networks:plain",
        labels=labels,
        probabilities="sigmoid",
        size=(16, 16),
        mean=(0.5,),
        std=(0.5,),
        layer="features",
        gradient=False,
        check=tmp_path / "data",
        out=tmp_path / "bundle",
    )
    found = _measured(options)
    expected = [names.index("bright"), names.index("dark")]
    assert found.answers[RUNTIME].tolist() == found.answers[PYTORCH].tolist() == expected
    assert found.share(RUNTIME) == 1


def _answered(**answers: list[int]) -> Accuracy:
    """10 pictures of class 0 and 5 of each other, of which `answers` are the top classes."""
    classes = [0] * 10 + [1] * 5 + [2] * 5
    samples = tuple(
        Sample(name=str(number), image=Path(), classes=(one,), category=f"c{one}")
        for number, one in enumerate(classes)
    )
    names = {"runtime": RUNTIME, "torch": PYTORCH, "published": "PyTorch as x prepares pictures"}
    told = {names[name]: np.array(each, np.int64) for name, each in answers.items()}
    return Accuracy(samples=samples, answers=told, left_out=())


@pytest.fixture
def manifest() -> Manifest:
    found = open_bundle(SHIPPED).manifest
    return dataclasses.replace(found, classes=3, labels=("c0", "c1", "c2"))


RIGHT = [0] * 10 + [1] * 5 + [2] * 5


@pytest.mark.parametrize(
    ("answers", "share", "balanced", "said"),
    [
        (RIGHT, 1.0, 1.0, None),
        ([0] * 20, 0.5, 1 / 3, "33.3% right, .* no better than a guess among 3, 33.3%: the prep"),
        ([1] * 10 + [2] * 10, 0.25, 1 / 3, "a guess among 3"),
        ([0] * 8 + [1] * 12, 0.65, (0.8 + 1) / 3, None),
        ([0] * 3 + [1] * 12 + [2] * 3 + [1] * 2, 0.55, (0.3 + 1 + 0.6) / 3, None),
        ([1] * 8 + [0] * 2 + [1] * 5 + [2] * 3 + [1] * 2, 0.5, 1.8 / 3, "10 of 20 right are no mo"),
    ],
)
def test_accuracies_that_are_said_to_be_wrong(
    manifest: Manifest, answers: list[int], share: float, balanced: float, said: str | None
) -> None:
    found = _answered(runtime=answers)
    assert found.share(RUNTIME) == pytest.approx(share)
    assert found.balanced(RUNTIME) == pytest.approx(balanced)
    words = findings(found, manifest)
    assert len(words) == (said is not None)
    assert all(re.search(str(said), line) for line in words)


def test_what_nobody_said_is_named_where_accuracy_is_low(manifest: Manifest) -> None:
    spec = dataclasses.replace(manifest.input, assumed=("mean", "shorter_side", "full_scale"))
    (line,) = findings(_answered(runtime=[0] * 20), dataclasses.replace(manifest, input=spec))
    assert line.endswith("is probably wrong; nobody said --mean, --shorter-side")


def test_random_weights_are_no_mistake(manifest: Manifest) -> None:
    source = dataclasses.replace(manifest.source, weights="random")
    (line,) = findings(_answered(runtime=[0] * 20), dataclasses.replace(manifest, source=source))
    assert line.endswith("33.3%: its weights are random, and know nothing")


def test_one_folder_alone_may_be_all_right(manifest: Manifest) -> None:
    every = _answered(runtime=RIGHT)
    one = Accuracy(samples=every.samples[:10], answers={RUNTIME: np.zeros(10, int)}, left_out=())
    assert findings(one, manifest) == ()


@pytest.mark.parametrize(("precision", "why"), [("int8", "int8 changes"), ("float32", "report")])
def test_more_than_some_pictures_otherwise_than_in_pytorch(
    manifest: Manifest, precision: str, why: str
) -> None:
    told = dataclasses.replace(manifest, precision=precision)  # type: ignore[arg-type]
    few = _answered(runtime=RIGHT, torch=[1, *RIGHT[1:]])
    assert findings(few, told) == ()
    (line,) = findings(_answered(runtime=RIGHT, torch=[1, 1, *RIGHT[2:]]), told)
    assert "answer 2 of 20 pictures differently" in line
    assert why in line


def test_a_publishers_preprocessing_that_does_better_is_said(manifest: Manifest) -> None:
    """Five pictures gained are more than two standard deviations of a coin; four are not."""
    for lost, said in ((4, 0), (5, 1)):
        worse = [1] * lost + RIGHT[lost:]
        found = _answered(runtime=worse, torch=worse, published=RIGHT)
        words = findings(found, manifest)
        assert len(words) == said
        assert all("20 are right in place of 15: leave out --size" in line for line in words)


def test_an_answer_that_is_no_number_is_left_out(
    options: BuildOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = build_bundle(_saying(options)).check
    assert isinstance(check, Check)
    plain = Explainer.predictions

    def predictions(
        explainer: Explainer, asked: Iterable[tuple[object, object]], methods: Sequence[Method]
    ) -> Iterator[Prediction | CamError]:
        for number, one in enumerate(plain(explainer, asked, methods)):
            if number == 0 and isinstance(one, Prediction):
                one.forward.logits[...] = np.nan
            yield one

    monkeypatch.setattr(Explainer, "predictions", predictions)
    found = measure_accuracy(check)
    (line,) = found.left_out
    assert line.startswith(f"{check.pictures.samples[0].name}: the network ")
    assert "NaN or infinity" in line
    assert found.samples == check.pictures.samples[1:]
