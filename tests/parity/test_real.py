"""Real weights and real photographs; skipped where the data folder is absent."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import camruntime
from camexport.accuracy import PYTORCH, RUNTIME, measure_accuracy
from camexport.build import BuildOptions, build_bundle
from camruntime.bundle import ResizeMode
from camruntime.errors import MethodError
from camruntime.methods import METHODS

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("CAMEXPORT_DATA", ROOT / "../shared/data"))

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no data at {DATA}: set CAMEXPORT_DATA"),
]


@dataclass(frozen=True)
class Real:
    """How a network's published weights want their pictures, and how many they get right."""

    size: int
    top1: int
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    resize: ResizeMode = "squash"


HALF = (0.5, 0.5, 0.5)
MODELS = {
    "mobilenet_v2": Real(size=225, top1=93, mean=HALF, std=HALF),
    "squeezenet1_0": Real(size=227, top1=91),
}


@pytest.fixture(scope="module", params=MODELS)
def explainer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> camruntime.Explainer:
    model = request.param
    real = MODELS[model]
    options = BuildOptions(
        model=model,
        weights=str(DATA / "classifiers" / f"{model}.pth"),
        size=(real.size, real.size),
        mean=real.mean,
        std=real.std,
        resize=real.resize,
        labels=DATA / "classifiers" / "imagenet_labels.txt",
        out=tmp_path_factory.mktemp("real") / model,
    )
    return camruntime.load(build_bundle(options).bundle.folder, ["cpu"])


def test_top1_on_validation_images(explainer: camruntime.Explainer) -> None:
    folder = DATA / "imagenet_val"
    with (folder / "labels.csv").open() as file:
        rows = [(folder / name, int(label)) for name, label in csv.reader(file)]
    assert len(rows) == 130
    found = explainer.explain([path for path, _ in rows])
    hits = sum(one.predicted.index == label for one, (_, label) in zip(found, rows, strict=True))
    assert abs(hits - MODELS[explainer.bundle.manifest.model].top1) <= 1


def test_what_assumed_preprocessing_costs(tmp_path: Path) -> None:
    """A state dict does not say that it wants mean and std of 0.5, and 225 pixels."""
    with (DATA / "imagenet_val" / "labels.csv").open() as file:
        for name, label in csv.reader(file):
            (tmp_path / "pictures" / label).mkdir(parents=True, exist_ok=True)
            link = tmp_path / "pictures" / label / name
            link.symlink_to((DATA / "imagenet_val" / name).resolve())
    assumed = BuildOptions(
        model="mobilenet_v2",
        weights=str(DATA / "classifiers" / "mobilenet_v2.pth"),
        gradient=False,
        check=tmp_path / "pictures",
        out=tmp_path / "assumed",
    )
    said = replace(
        assumed, size=(225, 225), mean=HALF, std=HALF, resize="squash", out=tmp_path / "said"
    )
    checks = [build_bundle(options).check for options in (assumed, said)]
    lower, usual = (measure_accuracy(check) for check in checks if check is not None)
    assert lower.answers[RUNTIME].tolist() == lower.answers[PYTORCH].tolist()
    assert abs(usual.right(RUNTIME).sum() - MODELS["mobilenet_v2"].top1) <= 1
    assert usual.right(RUNTIME).sum() - lower.right(RUNTIME).sum() >= 8
    (published,) = usual.answers.keys() - {RUNTIME, PYTORCH}
    assert abs(usual.right(published).sum() - lower.right(RUNTIME).sum()) <= 3, (
        "both are ImageNet's"
    )


BOTH = {
    *(("squeezenet1_0", f"{name}score-cam") for name in ("", "anytime-")),
    ("squeezenet1_0", "score-cam:preset=official"),
    *(("squeezenet1_0", name) for name in ("grad-cam++", "layer-cam", "wgrad-cam")),
    *(("squeezenet1_0", name) for name in ("decom-cam", "decom-cam:preset=official")),
    *(("squeezenet1_0", name) for name in ("ablation-cam", "group-cam", "is-cam")),
    *((model, "smooth-grad-cam++") for model in MODELS),
    *((model, "eigen-grad-cam") for model in MODELS),
    ("mobilenet_v2", "ss-cam:samples=2"),
}
"""Their cat also lies on the dog: with SqueezeNet on its forehead, as pytorch-grad-cam's Score-CAM
does. It still moves towards the cat when the cat is asked for."""

FAINT = {
    ("mobilenet_v2", "smooth-grad-cam++"),
    ("squeezenet1_0", "decom-cam"),
    ("squeezenet1_0", "is-cam"),
}
"""They move little."""

NO_CLASS = {"eigen-cam"}
"""One map for all classes: it cannot move."""

SPECS = [
    *sorted(METHODS.keys() - {"ss-cam"} - NO_CLASS),
    "ss-cam:samples=2",  # with its own 35, a quarter of an hour
    *("score-cam:preset=official", "decom-cam:preset=official", "ours-3", "ours-5"),
]


@pytest.mark.parametrize("method", SPECS)
def test_dog_and_cat_are_told_apart(explainer: camruntime.Explainer, method: str) -> None:
    """The dog (bull mastiff, 243) sits in the upper half, the cat (tiger cat, 282) lies below."""
    photo = DATA / "photos" / "gradcam_both.png"
    model = explainer.bundle.manifest.model
    if method == "ss-cam:samples=2" and model == "squeezenet1_0":
        pytest.skip("its activations reach hundreds, and as masks, not rescaled, drown the picture")
    if method == "cam" and model == "squeezenet1_0":  # a ReLU lies between its last two layers
        with pytest.raises(MethodError, match="global average pooling"):
            explainer.explain(photo, method)
        return
    dog, cat = (_dog_over_cat(one) for one in explainer.explain(photo, method, target=[243, 282]))
    assert dog > (1 if (model, method) in FAINT else 1.5)
    assert dog > (1.25 if (model, method) in FAINT else 1.8) * cat
    if (model, method) not in BOTH:
        assert cat < 0.9


def _dog_over_cat(explanation: camruntime.Explanation) -> float:
    """Mean saliency on the dog's part of the photograph over that on the cat's."""
    saliency = explanation.photo_saliency
    height, width = saliency.shape
    dog = saliency[height // 20 : height * 11 // 20, width * 7 // 20 : width * 15 // 20]
    cat = saliency[height * 11 // 20 :, width // 5 : width * 17 // 20]
    return float(dog.mean() / cat.mean())
