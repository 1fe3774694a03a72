"""Many images: what one image alone shows, in batches, in order, and never many in memory."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest

import camruntime
from camruntime import Explainer
from camruntime.bundle import Input
from camruntime.engine import DeviceValue, Engine, OnnxGraphs
from camruntime.errors import ImageError, MethodError, NonFiniteError, TargetError
from camruntime.explaining import batches
from camruntime.explaining import photographs as explaining
from camruntime.explanation import Explanation
from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, Maps
from camruntime.methods import make_method
from camruntime.pictures import Values, as_picture, prepare
from every_method import ALL_MEASURED, EVERY, SHARED, every_but

FIVE = 5
Runs = Counter[str]


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    """Five images at once, after the first one."""
    folder = Path(__file__).parents[2] / "exported_models" / "inspector"
    return camruntime.load(folder, ["cpu"], chunk=FIVE)


@pytest.fixture
def mixed(samples: list[Path]) -> list[Any]:
    """Seven images of four classes and several sizes: paths, arrays, a grey one, a blank one."""
    wide = cv2.resize(as_picture(samples[4]), (300, 200))
    grey = as_picture(samples[6])[..., 0]
    blank = np.full((64, 80, 3), 128, np.uint8)
    return [samples[0], samples[2], np.asarray(wide, np.uint8), blank, grey, samples[8], samples[9]]


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    """How often each graph is run."""
    counted: Runs = Counter()
    run = Engine.run

    def counting(self: Engine, graph: str, inputs: Mapping[str, Any]) -> tuple[DeviceValue, ...]:
        counted[graph] += 1
        return run(self, graph, inputs)

    monkeypatch.setattr(Engine, "run", counting)
    return counted


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was read so far."""
    seen: list[object] = []

    def counting(image: object, spec: Input, megapixels: float) -> Values:
        seen.append(image)
        return as_picture(image, spec, megapixels)

    monkeypatch.setattr(explaining, "as_picture", counting)
    return seen


def _alone(explainer: Explainer, image: object, spec: str, target: int | None) -> FloatArray:
    """The raw map by itself, from plain graphs that know of no other image."""
    graphs = OnnxGraphs(explainer._engine)
    forward = graphs.forward(prepare(as_picture(image), explainer.bundle.manifest.input))
    wanted = int(forward.logits.argmax()) if target is None else target
    raw: FloatArray = make_method(spec)(graphs, forward, [wanted]).raw[0]
    return raw


def _assert_same(found: FloatArray, wanted: FloatArray) -> None:
    np.testing.assert_allclose(found, wanted, atol=float(1e-5 * np.abs(wanted).max()))


@pytest.mark.parametrize("spec", EVERY)
def test_a_list_gives_what_each_image_gives_alone(
    explainer: Explainer, mixed: list[Any], spec: str
) -> None:
    """With the top class of each; the published Recipro-CAM takes image 0's for all."""
    together = explainer.explain(mixed, spec)
    assert len(together) == len(mixed)
    assert len({one.target.label for one in together}) >= 4
    for image, found in zip(mixed, together, strict=True):
        alone = explainer.explain(image, spec)
        _assert_same(found.raw, _alone(explainer, image, spec, None))
        _assert_same(found.saliency, alone.saliency)
        assert (found.target.index, found.predicted.index) == (alone.target.index,) * 2
        assert found.target.probability == pytest.approx(alone.target.probability, rel=1e-5)
        assert found.no_evidence == alone.no_evidence
        assert (found.edges, found.fit) == (alone.edges, alone.fit)
        np.testing.assert_array_equal(found.photo, as_picture(image))
        if alone.components is not None:
            assert found.components is not None
            _assert_same(found.components.contributions, alone.components.contributions)


@pytest.mark.parametrize("spec", [*every_but({"anytime-score-cam": SHARED}), ALL_MEASURED])
def test_every_image_its_own_classes(explainer: Explainer, mixed: list[Any], spec: str) -> None:
    """One class, another, several, twice the same, none, the top class by name and by None."""
    targets: list[Any] = [2, "good", [4, 0, 1], [3, 3], [], [None, 1], None]
    together: list[Any] = explainer.explain(mixed, spec, target=targets)
    for image, target, found in zip(mixed, targets, together, strict=True):
        several = isinstance(target, list)
        assert isinstance(found, list) == several
        answers: list[Explanation] = found if several else [found]
        asked = target if isinstance(target, list) else [target]
        assert len(answers) == len(asked)
        for answer, one in zip(answers, asked, strict=True):
            index = explainer.labels.index(one) if isinstance(one, str) else one
            _assert_same(answer.raw, _alone(explainer, image, spec, index))
            assert index is None or answer.target.index == index


@pytest.mark.parametrize("spec", ["grad-cam", "xgrad-cam", "recipro-cam"])
def test_a_flat_map_is_flat_among_others(
    explainer: Explainer, samples: list[Path], spec: str
) -> None:
    """Nothing in a good surface speaks for a hole: the Grad-CAM family's maps are all zero."""
    images = [samples[0], *(path for path in samples if path.stem.startswith("good")), samples[1]]
    flags = [one.no_evidence for one in explainer.explain(images, spec, target="hole")]
    assert flags == [explainer.explain(one, spec, "hole").no_evidence for one in images]
    assert flags == [False, *[spec != "recipro-cam"] * 2, False]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("recipro-cam", {"head_cells": 3}),
        ("grad-cam", {"head": 3, "tail": 3, "gradient": 3}),
        ("cam", {"head": 3, "tail": 3, "gradient": 3 + 11}),
    ],
)
def test_graphs_run_on_several_images_at_once(
    explainer: Explainer, samples: list[Path], runs: Runs, spec: str, expected: Runs
) -> None:
    """Eleven images: one to see how large they are, then five, and five. CAM asks once more."""
    images = [*samples, samples[0]]
    assert len(images) == 11
    explainer.explain(images, spec)
    assert runs == expected


def test_no_more_gradients_at_once_than_images(
    explainer: Explainer, samples: list[Path], runs: Runs
) -> None:
    """Two classes each, so five gradients at once are those of two images."""
    list(explainer.explain_each(samples[:6], "grad-cam", target=[[0, 1]] * 6))
    assert runs == {"head": 2, "tail": 2, "gradient": 1 + 3}


def test_methods_share_reading_and_passes(
    explainer: Explainer, samples: list[Path], runs: Runs, read: list[object]
) -> None:
    methods: list[Any] = ["grad-cam", "layer-cam", make_method("recipro-cam:score=logit")]
    made = list(explainer.explain_each(samples[:6], methods))
    assert runs == {"head_cells": 2, "gradient": 2}
    assert sorted(map(str, read)) == sorted(map(str, samples[:6]))
    for image, answers in zip(samples, made, strict=False):
        assert [one.method for one in answers] == [explainer.method(one) for one in methods]
        for one, spec in zip(answers, ("grad-cam", "layer-cam"), strict=False):
            _assert_same(one.raw, _alone(explainer, image, spec, None))


@dataclass(frozen=True, kw_only=True)
class LogitsOfCells:
    """A method of somebody's own that asks for single cells, and says so."""

    needs: ClassVar[frozenset[str]] = frozenset()
    prefers: ClassVar[frozenset[str]] = frozenset({"cells"})

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        assert forward.single_cells is not None
        logits = graphs.logits_of_single_cells(forward)[:, list(targets)]
        return Maps(np.ascontiguousarray(logits.T.reshape(-1, *forward.activations.shape[2:])))


def test_any_method_that_prefers_cells_gets_them_with_the_pass(
    explainer: Explainer, samples: list[Path], runs: Runs
) -> None:
    made = list(explainer.explain_each(samples[:6], LogitsOfCells()))
    assert runs == {"head_cells": 2}
    for image, found in zip(samples, made, strict=False):
        _assert_same(found.raw, _alone(explainer, image, "recipro-cam:score=logit", None))


def test_an_empty_list_and_counts_that_differ(explainer: Explainer, samples: list[Path]) -> None:
    assert explainer.explain([]) == explainer.explain([], target=[]) == []
    mixed: list[Any] = [0, [1, 2]]
    answers: list[Any] = list(explainer.explain_each(iter(samples[:2]), target=mixed))
    assert answers[1][1].target.index == 2
    with pytest.raises(TargetError, match="2 images and 3 targets"):
        explainer.explain_each(samples[:2], target=[0, 1, 2])
    for count, said in ((1, "fewer images"), (3, "more images")):
        made = explainer.explain_each(iter(samples[:count]), target=[0, 1])
        assert [next(made).target.index for _ in range(min(count, 2))] == [0, 1][:count]
        with pytest.raises(TargetError, match=f"{said} than targets"):
            next(made)


def test_what_is_wrong_from_the_start_is_said_at_once(
    explainer: Explainer, samples: list[Path]
) -> None:
    with pytest.raises(MethodError, match="no method 'grad'"):
        explainer.explain_each(samples, ["cam", "grad"])
    with pytest.raises(ImageError, match=r"the one path part\.png: use explain"):
        explainer.explain_each("part.png")


@pytest.mark.parametrize("broken", ["file", "target", "answer"])
def test_an_error_comes_in_its_turn(
    explainer: Explainer,
    samples: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
) -> None:
    """Image 4 fails, in the middle of the second batch: 0 to 3 are explained."""
    images, targets = list(samples[:8]), [0] * 8
    kind, said = {
        "file": (ImageError, "broken.png is not a picture"),
        "target": (TargetError, "class 7 does not exist"),
        "answer": (NonFiniteError, "answered NaN"),
    }[broken]
    if broken == "file":
        images[4] = tmp_path / "broken.png"
        images[4].write_bytes(b"no picture")
    elif broken == "target":
        targets[4] = 7
    else:
        _answer_nan(monkeypatch, explainer, samples[4])
    made = explainer.explain_each(images, "grad-cam", target=targets)
    for image in images[:4]:
        _assert_same(next(made).raw, _alone(explainer, image, "grad-cam", 0))
    with pytest.raises(kind, match=said):
        next(made)
    with pytest.raises(kind, match=said):
        explainer.explain(images, "grad-cam", target=targets)


def _answer_nan(monkeypatch: pytest.MonkeyPatch, explainer: Explainer, path: Path) -> None:
    """Let the network answer NaN to this one picture."""
    image = prepare(as_picture(path), explainer.bundle.manifest.input)
    plain = OnnxGraphs.forwards

    def forwards(self: OnnxGraphs, images: FloatArray) -> list[Forward]:
        return [
            replace(one, logits=one.logits * np.nan) if (one.image == image).all() else one
            for one in plain(self, images)
        ]

    monkeypatch.setattr(OnnxGraphs, "forwards", forwards)


def test_few_images_are_read_ahead(
    explainer: Explainer, samples: list[Path], read: list[object]
) -> None:
    """However many there are: the batch that is explained, and as many again."""
    asked = 0

    def endless() -> Iterator[Path]:
        nonlocal asked
        while True:
            asked += 1
            yield samples[asked % len(samples)]

    made = explainer.explain_each(endless(), "grad-cam")
    next(made)
    assert asked == 2, "one to explain, and one ahead"
    for taken in range(1, 30):
        next(made)
        assert len(read) <= asked <= taken + 2 * FIVE
    made.close()
    assert asked >= 30 + FIVE, "a batch is read ahead"


def test_one_large_photograph_is_read_ahead(
    explainer: Explainer, samples: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_ROOM", 1)
    left = iter(samples)
    for taken, _ in enumerate(explainer.explain_each(left, "cam"), 1):
        if taken == 5:
            break
    assert list(left) == samples[6:]


def test_large_photographs_go_one_by_one(
    explainer: Explainer, samples: list[Path], runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room for two and a half of 128 x 128 pixels, then one that leaves room for no other."""
    monkeypatch.setattr(batches, "_ROOM", int(2.5 * 128 * 128 * 3))
    images: list[Any] = [*samples[:5], np.zeros((400, 400, 3), np.uint8), *samples[5:8]]
    assert len(explainer.explain(images, "grad-cam")) == 9
    # 0 | 1 2 | 3 4 | large and 5 | 6 | then 7 as there is room again
    assert runs["head"] == 6


def test_the_next_batch_is_read_while_one_is_explained(
    explainer: Explainer, samples: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = {path: threading.Event() for path in samples}

    def reading(image: Any, spec: Input, megapixels: float) -> Values:
        begun[image].set()
        return as_picture(image, spec, megapixels)

    monkeypatch.setattr(explaining, "as_picture", reading)
    forwards = OnnxGraphs.forwards

    def looking(self: OnnxGraphs, images: FloatArray) -> list[Forward]:
        if len(images) == FIVE:
            assert all(begun[path].wait(20) for path in samples[6:10]), "of the third batch"
        return forwards(self, images)

    monkeypatch.setattr(OnnxGraphs, "forwards", looking)
    assert len(explainer.explain(samples, "cam")) == 10


@pytest.mark.parametrize("stop", ["close", "forget", "raise"])
def test_who_stops_early_leaves_no_thread(
    explainer: Explainer, samples: list[Path], stop: str
) -> None:
    """The fixture looks for threads."""
    made = explainer.explain_each(samples * 5, "recipro-cam")
    for _ in range(3):
        next(made)
    assert any("ThreadPool" in thread.name for thread in threading.enumerate())
    if stop == "close":
        made.close()
    elif stop == "forget":
        del made
    else:
        with pytest.raises(KeyError):
            made.throw(KeyError("elsewhere"))


def test_a_chunk_bounds_the_batch(inspector: Path, samples: list[Path], runs: Runs) -> None:
    for chunk, heads in ((1, 4), (2, 3), (1000, 2), (None, 2)):
        runs.clear()
        camruntime.load(inspector, ["cpu"], chunk=chunk).explain(samples[:4])
        assert runs["head_cells"] == heads


@pytest.mark.parametrize(("threads", "batch"), [(1, 4), (2, 8), (4, 16), (5, 16)])
def test_a_batch_is_four_images_for_each_thread(inspector: Path, threads: int, batch: int) -> None:
    engine = camruntime.load(inspector, ["cpu"], threads=threads)._engine
    assert OnnxGraphs(engine).batch == OnnxGraphs(engine, 1000).batch == batch
    assert OnnxGraphs(engine, 3).batch == 3


def test_progress_counts_all_methods_of_an_image(explainer: Explainer, samples: list[Path]) -> None:
    told: list[tuple[int, int]] = []
    note: Callable[[int, int], None] = lambda done, every: told.append((done, every))  # noqa: E731
    methods = ["recipro-cam:mask=gaussian"] * 2  # 256 cells in chunks of five
    made = explainer.explain_each(samples[:1], methods, progress=note)
    next(made)
    shares = [done / every for done, every in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[51], shares[-1]) == (5 / 512, 0.5, 1)
