"""Helpers around methods: cases that can be seen by hand, their spelling, and what they cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from typer.testing import CliRunner

import camruntime
from camruntime.cli.app import app
from camruntime.engine import OnnxGraphs
from camruntime.errors import MethodError, NonFiniteError
from camruntime.graphs import Forward
from camruntime.maps import FloatArray, Maps, bilinear, rescale
from camruntime.methods import (
    HELPERS,
    Augment,
    CentreGaussian,
    Evet,
    GradCAM,
    Method,
    ReciproCAM,
    Sess,
    Smooth,
    make_method,
    name_of,
    options_of,
    run_method,
    spec_of,
    unit_of,
)
from camruntime.methods._noise import normal_noise
from camruntime.methods._windows import windows
from camruntime.replay import replay
from conftest import INSPECTOR
from numpy_graphs import NumpyGraphs
from recorded import CRACK, recorded, write_records

LOGIT = ReciproCAM(score="logit")


def _raw(method: Method, graphs: NumpyGraphs, image: FloatArray) -> FloatArray:
    return method(graphs, graphs.forward(image), [0, 2]).raw


def test_no_noise_changes_nothing(numpy_graphs: NumpyGraphs, image: FloatArray) -> None:
    plain = _raw(LOGIT, numpy_graphs, image)
    found = _raw(Smooth(LOGIT, samples=3, noise=0), numpy_graphs, image)
    np.testing.assert_allclose(found, plain, rtol=1e-6)


def test_smooth_is_the_mean_of_noisy_maps(numpy_graphs: NumpyGraphs, image: FloatArray) -> None:
    """Of 20 images, more than are passed forward at once, and each with its own noise."""
    draw, sigma = np.random.default_rng(3), 0.2 * (image.max() - image.min())
    noisy = [image + normal_noise(draw, image.shape, float(sigma)) for _ in range(20)]
    expected = np.mean([_raw(LOGIT, numpy_graphs, one.astype(np.float32)) for one in noisy], 0)
    found = _raw(Smooth(LOGIT, samples=20, noise=0.2, seed=3), numpy_graphs, image)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(found - _raw(LOGIT, numpy_graphs, image)).max() > 0.01


def test_noise_is_normal() -> None:
    """Of a million: mean, deviation, and how many lie within one, two and three deviations."""
    drawn = normal_noise(np.random.default_rng(0), (1000, 1000), 2.0) / 2
    assert abs(drawn.mean()) < 0.003
    assert abs(drawn.std() - 1) < 0.003
    for within, share in ((1, 0.682689), (2, 0.954500), (3, 0.997300)):
        assert abs((np.abs(drawn) < within).mean() - share) < 0.002
    assert len(np.unique(drawn)) == 2**16
    neighbours = np.corrcoef(drawn[:, :-1].ravel(), drawn[:, 1:].ravel())[0, 1]
    assert abs(neighbours) < 0.005


def test_augment_alone_mirrors(numpy_graphs: NumpyGraphs, image: FloatArray) -> None:
    """Without another brightness there are the image, whose map this is, and its mirror image.

    A network that looks at each cell by itself sees the same in a mirror, and GAP does not care
    where; so the map of an image of random cells, mirrored, is its map.
    """
    plain = _raw(LOGIT, numpy_graphs, image)
    np.testing.assert_allclose(_raw(Augment(LOGIT, spread=0), numpy_graphs, image), plain, 1e-5)


def test_augment_weighs_three_strengths(numpy_graphs: NumpyGraphs, image: FloatArray) -> None:
    """Without bias such a map is as strong as the image: the mean of half, once and 1.5 times."""
    graphs = NumpyGraphs(numpy_graphs.mix, numpy_graphs.weights, 0 * numpy_graphs.bias)
    found = _raw(Augment(LOGIT, spread=0.5), graphs, image)
    np.testing.assert_allclose(found, _raw(LOGIT, graphs, image), rtol=1e-5)
    half, more = (_raw(LOGIT, graphs, np.float32(factor) * image) for factor in (0.5, 1.5))
    np.testing.assert_allclose(half, more / 3, rtol=1e-5)  # so that the mean says something


def test_evet_that_moves_nothing_is_the_map(numpy_graphs: NumpyGraphs, image: FloatArray) -> None:
    plain = bilinear((4, 6), (8, 12))(_raw(LOGIT, numpy_graphs, image))
    found = _raw(Evet(LOGIT, degrees=0, zoom=1), numpy_graphs, image)
    np.testing.assert_allclose(found, plain, rtol=1e-5, atol=1e-6)


def test_evet_half_turns_come_back(numpy_graphs: NumpyGraphs, image: FloatArray) -> None:
    """Turned by 180 degrees twice, each cell is where it was."""
    plain = bilinear((4, 6), (8, 12))(_raw(LOGIT, numpy_graphs, image))
    found = _raw(Evet(LOGIT, degrees=180, zoom=1), numpy_graphs, image)
    np.testing.assert_allclose(found, plain, rtol=1e-3, atol=1e-4)


def test_sess_of_one_size_is_the_map_rescaled(numpy_graphs: NumpyGraphs, image: FloatArray) -> None:
    """One window, which is the image; 8 pixels are blurred as 5/224 of them, so hardly."""
    large = bilinear((4, 6), (8, 12))(_raw(LOGIT, numpy_graphs, image))
    found = _raw(Sess(LOGIT, scales=1), numpy_graphs, image)
    np.testing.assert_allclose(found, rescale(large).maps, atol=1e-3)


def test_windows_by_hand() -> None:
    """Of 7 x 14 pixels: once; of 9 x 18 at four corners; of 15 x 30 three a side, moved inward."""
    found = windows((7, 14), 5)
    assert [one.size for one in found] == [
        (7, 14), *[(9, 18)] * 4, *[(11, 22)] * 4, *[(13, 26)] * 4, *[(15, 30)] * 9
    ]  # fmt: skip
    assert [one[1:] for one in found[1:5]] == [(0, 0), (0, 4), (2, 0), (2, 4)]
    assert {one.left for one in found[-9:]} == {0, 14, 16}
    assert len(windows((224, 224), 12)) == 122


class _Telling:
    """A method whose map is the mean brightness of the image that it gets."""

    needs = frozenset[str]()

    def __call__(self, graphs: object, forward: Forward, targets: list[int]) -> Maps:
        value = forward.image.mean()
        return Maps(np.array([[[0, value]]] * len(targets), np.float32))


def test_sess_drops_the_windows_that_show_the_class_least(
    numpy_graphs: NumpyGraphs, image: FloatArray
) -> None:
    """With all but one of five windows dropped, the map is that of the likeliest."""
    explained: list[FloatArray] = []

    class Noting(_Telling):
        def __call__(self, graphs: object, forward: Forward, targets: list[int]) -> Maps:
            explained.append(forward.probabilities()[targets])
            return super().__call__(graphs, forward, targets)

    Sess(Noting(), scales=2)(numpy_graphs, numpy_graphs.forward(image), [1])  # type: ignore[arg-type]
    every = np.concatenate(explained)
    assert len(every) == 5
    explained.clear()
    Sess(Noting(), scales=2, drop=0.8)(numpy_graphs, numpy_graphs.forward(image), [1])  # type: ignore[arg-type]
    np.testing.assert_array_equal(np.concatenate(explained), [every.max()])


@pytest.mark.parametrize(
    ("spec", "made"),
    [
        ("smooth/recipro-cam", Smooth(ReciproCAM())),
        ("Sess/ReciproCAM", Sess(ReciproCAM())),
        (
            "sess:drop=0.5/recipro-cam:score=logit",
            Sess(ReciproCAM(score="logit"), drop=0.5),
        ),
        ("smooth:samples=3/evet/grad-cam", Smooth(Evet(GradCAM()), samples=3)),
        ("augment/centre-gaussian", Augment(CentreGaussian())),
    ],
)
def test_spelling(spec: str, made: Method) -> None:
    assert make_method(spec) == made
    assert make_method(spec_of(made)) == made
    around = str(options_of(made)["method"])
    own = {name: value for name, value in options_of(made).items() if name != "method"}
    assert make_method(f"{name_of(spec)}/{around}", own) == made


def test_a_path_may_hold_slashes() -> None:
    spec = "smooth/feature-cam:edges=models/hed.onnx"
    assert spec_of(make_method(spec)) == spec
    assert spec_of(make_method("feature-cam:edges=a/b.onnx")) == "feature-cam:edges=a/b.onnx"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("smooth", "'smooth' goes around a method: write smooth/grad-cam"),
        ("smooth:samples=3", "goes around a method: write smooth:samples=3/grad-cam"),
        ("smooth/", "goes around a method"),
        ("smooth/evet", "'evet' goes around a method"),
        ("recipro-cam/smooth", "'recipro-cam' goes around no other method.*smooth/recipro-cam"),
        ("smoth/recipro-cam", "no method 'smoth': did you mean smooth"),
        ("smooth/recipr", "no method 'recipr': did you mean recipro-cam"),
        ("smooth:score=logit/recipro-cam", "smooth has no option 'score': known: samples"),
        ("smooth:method=cam/grad-cam", "smooth has no option 'method'"),
        ("smooth:samples=0/grad-cam", "smooth: samples is at least 1, got 0"),
        ("/grad-cam", "'/grad-cam' begins with a slash: write helper/method, or a method"),
        ("smooth//grad-cam", "'/grad-cam' begins with a slash"),
        ("smooth/grad-cam:samples=2", "grad-cam has no option 'samples': it has none"),
        ("smooth:noise=nan/grad-cam", "smooth: noise is a number from 0 to 10, got nan"),
        ("smooth:samples=1/" * 9 + "grad-cam", "around each other 8 times at most"),
        ("smooth:samples=1/" * 3000 + "grad-cam", "around each other 8 times at most"),
        ("smooth:noise=-1/grad-cam", "smooth: noise is at least 0"),
        ("evet:zoom=0.5/grad-cam", "evet: zoom is at least 1"),
        ("sess:drop=1/grad-cam", "sess: drop is at most 0.999"),
        ("augment:spread=2/grad-cam", "augment: spread is at most 1"),
    ],
)
def test_bad_specs(spec: str, said: str) -> None:
    with pytest.raises(MethodError, match=said):
        make_method(spec)


@pytest.mark.parametrize("inner", ["recipro-cam", ReciproCAM, None, 5])
def test_what_is_no_method_is_refused(inner: object) -> None:
    with pytest.raises(MethodError, match=r"Smooth goes around a method as an object, such as"):
        Smooth(inner)  # type: ignore[arg-type]


def test_an_option_of_another_type_is_no_number() -> None:
    with pytest.raises(MethodError, match="samples is a number from 1 to 1000, got '2'"):
        Smooth(GradCAM(), samples="2")  # type: ignore[arg-type]


class _Own:
    """Somebody's own method, that returns what it was made with."""

    needs = frozenset[str]()
    __dataclass_fields__: ClassVar[dict[str, Any]] = {}

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def __call__(self, graphs: object, forward: Forward, targets: list[int]) -> Any:
        return self.answer


@pytest.mark.parametrize("name", ["smooth", "augment", "evet", "sess", None])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (np.zeros((2, 4, 6), np.float32), "_Own has to return Maps, .* of 2 targets, got ndarray"),
        (Maps(np.zeros((1, 4, 6), np.float32)), r"of 2 targets, got raw maps \(1, 4, 6\)"),
        (Maps(np.zeros((4, 6), np.float32)), r"of 2 targets, got raw maps \(4, 6\)"),
    ],
    ids=["array", "too-few", "flat"],
)
def test_a_method_that_returns_something_else_is_named(
    numpy_graphs: NumpyGraphs, image: FloatArray, name: str | None, answer: object, said: str
) -> None:
    own: Any = _Own(answer)
    method = HELPERS[name](own) if name else own  # type: ignore[call-arg]
    with pytest.raises(MethodError, match=said):
        run_method(method, numpy_graphs, numpy_graphs.forward(image), [0, 2])


@pytest.mark.parametrize("name", ["smooth", "augment", "evet", "sess"])
def test_a_map_that_is_no_number_is_not_averaged_away(
    numpy_graphs: NumpyGraphs, image: FloatArray, name: str
) -> None:
    own: Any = _Own(Maps(np.full((1, 4, 6), np.nan, np.float32)))
    with pytest.raises(NonFiniteError, match="a map of _Own holds NaN or infinity"):
        HELPERS[name](own)(numpy_graphs, numpy_graphs.forward(image), [1])  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        ("smooth:samples=18/score-cam", 18),
        ("augment/grad-cam", 6),
        ("evet/recipro-cam", 6),
        ("sess:scales=2/grad-cam", 5),
        ("sess:scales=2:drop=0.5/grad-cam", 3),
        ("evet/smooth:samples=2/grad-cam", 6),
    ],
)
def test_progress_counts_the_outermosts_images(samples: list[Path], spec: str, count: int) -> None:
    told: list[tuple[int, int]] = []
    explainer = camruntime.load(INSPECTOR, ["cpu"])
    explainer.explain(samples[0], spec, progress=lambda done, every: told.append((done, every)))
    own = [one for one in told if one[1] == count]  # dropping looks at all windows before
    assert own == [(done, count) for done in range(1, count + 1)]
    assert told[-count:] == own


def test_units_and_needs_are_the_methods() -> None:
    assert unit_of(Smooth(ReciproCAM())) == "probability"
    assert unit_of(Evet(LOGIT)) == "logit"
    assert unit_of(Sess(LOGIT)) == unit_of(Augment(LOGIT, preset="grad-cam")) == "relative"
    assert Smooth(GradCAM()).needs == {"gradient"}


def test_options_are_the_outermosts(samples: list[Path]) -> None:
    explainer = camruntime.load(INSPECTOR, ["cpu"])
    made = explainer.explain(samples[0], "smooth/recipro-cam", samples=2).method
    assert made == Smooth(ReciproCAM(), samples=2)
    with pytest.raises(MethodError, match="smooth has no option 'score'"):
        explainer.explain(samples[0], "smooth/recipro-cam", score="logit")


def test_gradients_of_noisy_images_share_a_call(
    samples: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, rows = OnnxGraphs.gradients, list[int]()

    def noted(self: OnnxGraphs, layer: object, targets: list[int]) -> FloatArray:
        rows.append(len(targets))
        return plain(self, layer, targets)  # type: ignore[arg-type]

    monkeypatch.setattr(OnnxGraphs, "gradients", noted)
    explainer = camruntime.load(INSPECTOR, ["cpu"])
    explainer.explain(samples[0], "smooth:samples=18/grad-cam")
    assert rows == [16, 2]


def test_passes_add_up(samples: list[Path]) -> None:
    """Of the plain pass, 5 more, and as many gradients as images."""
    explainer = camruntime.load(INSPECTOR, ["cpu"])
    costs = explainer.warm_up(["grad-cam", "evet/grad-cam", "smooth:samples=7/grad-cam"])
    assert [one.passes for one in costs.values()] == [2, 12, 15]


def test_figures_and_records_tell_all_options(samples: list[Path], tmp_path: Path) -> None:
    explainer = camruntime.load(INSPECTOR, ["cpu"])
    spec = "smooth:samples=2/grad-cam"
    made = explainer.explain(samples[0], spec)
    figures = json.loads(json.dumps(made.figures()))
    assert figures["method"] == "smooth:samples=2/grad-cam"
    assert figures["options"] == {"method": "grad-cam", "samples": 2, "noise": 0.15, "seed": 0}
    kept = write_records(tmp_path / "r.jsonl", recorded(explainer, CRACK, spec))
    (again,) = replay(kept)
    assert again.agreement is not None
    assert again.agreement.level == "the same"


def test_a_method_that_the_clock_ended_inside_a_helper_is_not_replayed(
    tmp_path: Path,
) -> None:
    explainer = camruntime.load(INSPECTOR, ["cpu"])
    spec = "smooth:samples=2/anytime-score-cam:milliseconds=5"
    (found,) = replay(write_records(tmp_path / "r.jsonl", recorded(explainer, CRACK, spec)))
    assert found.outcome == "not replayable"
    assert found.why == "its method was ended by the clock, and nothing says how far it got"


def test_the_command_line_takes_helpers(samples: list[Path], tmp_path: Path) -> None:
    spec = "sess:scales=2/recipro-cam,augment/grad-cam"
    given = ["explain", str(INSPECTOR), str(samples[0]), "--method", spec, "--out", str(tmp_path)]
    found = CliRunner().invoke(app, given)
    assert found.exit_code == 0, found.output
    names = {path.name for path in tmp_path.glob("*.png")}
    assert {
        f"{samples[0].stem}.{slug}.png"
        for slug in ("sess_scales_2_recipro-cam", "augment_grad-cam")
    } <= names
    listed = CliRunner().invoke(app, ["methods"]).output
    assert all(f"{name}/" in listed for name in ("smooth", "augment", "evet", "sess"))
