"""Good parts measured, kept in a file, and held against new parts."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import camruntime
from camruntime import Contrast, Explainer
from camruntime.bundle.sealing import SEAL, sealed
from camruntime.calibration import Calibration, parts_needed, read_calibration
from camruntime.errors import CalibrationError, EvaluationError
from camruntime.good_parts import calibrate, plan
from camruntime.maps import rescale
from conftest import INSPECTOR
from good_parts import brushed, scratched, write_parts

METHODS = ("recipro-cam:score=logit", "hires-cam", "score-cam")
PARTS = 60
ALPHA = 0.05


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_parts(tmp_path_factory.mktemp("parts") / "good", range(PARTS))


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    return camruntime.load(INSPECTOR, ["cpu"])


@pytest.fixture(scope="module")
def found(
    explainer: Explainer, parts: Path, tmp_path_factory: pytest.TempPathFactory
) -> Calibration:
    planned = plan(explainer, METHODS, None, ALPHA)
    return calibrate(explainer, parts, planned, tmp_path_factory.mktemp("work") / "unfinished")


@pytest.fixture(scope="module")
def file(found: Calibration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "inspector.calibration.json"
    found.write(path)
    return path


@pytest.fixture(scope="module")
def calibrated(file: Path) -> Explainer:
    return camruntime.load(INSPECTOR, ["cpu"], calibration=file)


def test_it_is_of_each_class_each_rather_than_good_and_not_good(found: Calibration) -> None:
    names = ["good", "scratch", "crack", "stain", "hole"]
    names += [f"{one}-good" for one in names[1:]] + ["not good"]
    for method in found.methods:
        assert [one.target for one in method.targets] == names
    assert [one.unit for one in found.methods] == ["logit", "logit", "relative"]
    assert [one.name for one in found.parts] == [f"{seed:04d}.png" for seed in range(PARTS)]


def test_strongest_is_the_largest_value_of_each_map(
    explainer: Explainer, found: Calibration
) -> None:
    for row in (0, 17, PARTS - 1):
        for method in found.methods:
            for one in method.targets:
                target = 1 if one.target == "scratch" else one.target
                made = explainer.explain(brushed(row), method.method, target)
                expected = made.target.score if method.unit == "relative" else made.raw.max()
                assert one.strongest[row] == pytest.approx(expected, abs=1e-5)
        assert found.parts[row].top == explainer.explain(brushed(row)).predicted.index


def test_the_score_of_a_target_is_its_logit_or_the_difference(explainer: Explainer) -> None:
    """Out of probabilities: log-odds are differences of logits."""
    made = explainer.explain(scratched(1), target=["scratch", "good", "scratch-good", "not good"])
    scratch, good, pair, rest = (one.target for one in made)
    assert pair.score == pytest.approx(scratch.score - good.score, abs=1e-5)
    assert pair.score == pytest.approx(math.log(scratch.probability / good.probability), rel=1e-4)
    odds = (1 - good.probability) / good.probability
    assert rest.score == pytest.approx(math.log(odds), rel=1e-3)


def test_thresholds_are_the_conformal_quantiles(found: Calibration) -> None:
    for method in found.methods:
        for one in method.targets:
            ordered = sorted(one.strongest)
            assert one.threshold == ordered[math.ceil((PARTS + 1) * (1 - ALPHA)) - 1]
            assert one.typical == pytest.approx((ordered[29] + ordered[30]) / 2)
            rise = one.threshold - one.typical or ordered[-1] - one.threshold or 1
            assert one.scale == pytest.approx(rise)


def test_the_file_comes_back_as_it_was(found: Calibration, file: Path) -> None:
    assert read_calibration(file) == found


def test_a_stranger_can_apply_its_numbers(calibrated: Explainer, file: Path) -> None:
    """With nothing but JSON, and the raw map."""
    document = json.loads(file.read_text())
    (method,) = (one for one in document["methods"] if one["method"] == METHODS[0])
    (target,) = (one for one in method["targets"] if one["target"] == "not good")
    seen = []
    for picture in (brushed(1000), scratched(1001)):
        made = calibrated.explain(picture, METHODS[0], "not good")
        cells = made.raw > target["threshold"]
        reached = [sum(one >= raw for one in target["strongest"]) for raw in made.raw.ravel()]
        assert made.evidence is not None
        expected = (1 + np.reshape(reached, made.raw.shape)) / (PARTS + 1)
        np.testing.assert_array_equal(made.evidence.p_values, expected)
        assert made.has_evidence == bool(cells.any())
        scaled = 1 + (made.raw.max() - target["threshold"]) / target["scale"]
        assert made.evidence.score == pytest.approx(max(0, scaled))
        seen.append(made.has_evidence)
    assert seen == [False, True]


@pytest.mark.parametrize("method", METHODS)
def test_good_parts_stay_as_they_are_and_bad_ones_are_coloured_at_the_defect(
    calibrated: Explainer, method: str
) -> None:
    shown = 0
    for seed in range(2000, 2040):
        made = calibrated.explain(brushed(seed), method, "not good")
        changed = (made.overlay() != made.photo).any()
        assert changed == made.has_evidence == bool(made.regions) == bool(made.boxes())
        shown += bool(changed)
    assert shown <= 6  # of 40 at 5 percent: 7 or more have a probability below 0.01
    made = calibrated.explain(scratched(2000), method, "not good")
    assert made.has_evidence
    strongest = np.unravel_index(made.photo_evidence.argmax(), made.photo.shape[:2])
    assert made.photo[tuple(strongest)].max() > 0
    region, box = made.regions[0], made.boxes()[0]
    assert region.x <= 65 < region.x + region.width
    assert region.y <= 65 < region.y + region.height
    assert (box.x, box.y) in [(one.x, one.y) for one in made.regions]


@pytest.mark.parametrize("size", [(64, 64), (3, 300), (127, 129), (1, 1), (20, 31)])
def test_evidence_is_seen_at_whatever_size_the_photograph_has(
    calibrated: Explainer, size: tuple[int, int]
) -> None:
    """A map of single cells, of which one is just beyond the threshold."""
    made = calibrated.explain(cv2.resize(scratched(3), size[::-1]), METHODS[0], "not good")
    assert made.evidence is not None
    for y, x in np.random.default_rng(0).integers(0, 128, (30, 2)):
        raised = np.full((128, 128), 0.9, np.float32)
        raised[y, x] = 1.01
        one = replace(made, evidence=replace(made.evidence, map=raised, p_value=ALPHA))
        assert one.has_evidence
        assert (one.overlay() != one.photo).any()
        assert len(one.regions) == len(one.boxes()) == 1
        assert one.regions[0].strongest == pytest.approx(1.01)
        assert "outside" not in one.caption()[1]


def test_colours_mean_the_same_on_every_picture(calibrated: Explainer) -> None:
    """The colour of a value is that of the value on another picture, and of the scale."""
    colours: dict[float, set[bytes]] = {}
    for seed in (1, 2, 3):
        made = calibrated.explain(scratched(seed), METHODS[0], "not good")
        plain = made.overlay(strength=1.0)
        for value, colour in zip(
            made.photo_evidence.round(2).ravel(), plain.reshape(-1, 3), strict=True
        ):
            if value > 1.05:
                colours.setdefault(float(value), set()).add(colour.tobytes())
    shared = [len(one) for one in colours.values()]
    assert len(shared) > 50
    assert np.mean(shared) < 1.6  # values that were rounded lie at the edge of two levels


def test_the_picture_says_what_its_colours_mean(
    calibrated: Explainer, explainer: Explainer
) -> None:
    good, bad = (
        calibrated.explain(picture, METHODS[0], "not good")
        for picture in (brushed(1000), scratched(1001))
    )
    assert bad.evidence is not None
    assert bad.caption()[0].startswith("evidence of 'not good': score ")
    assert bad.caption()[1] == "1 is the threshold: 5 % of good parts reach it"
    assert good.caption() == [
        f"no evidence of 'not good': score {good.evidence.score:.2f}, p {good.evidence.p_value:.3g}"  # type: ignore[union-attr]
    ]
    relative = explainer.explain(scratched(1001))
    assert relative.caption() == ["relative scale: red is this map's maximum"]
    for made in (good, bad, relative):
        np.testing.assert_array_equal(made.picture()[:128, :128], made.overlay())
        assert made.picture().shape[0] > 128
    assert bad.picture().shape[0] > good.picture().shape[0]  # the scale


def test_without_a_calibration_there_is_no_evidence_to_speak_of(explainer: Explainer) -> None:
    made = explainer.explain(brushed(0))
    assert made.evidence is None
    for ask in (lambda: made.has_evidence, lambda: made.regions, lambda: made.photo_evidence):
        with pytest.raises(CalibrationError, match="calibration=FILE"):
            ask()


def test_figures_say_it_too(calibrated: Explainer) -> None:
    made = calibrated.explain(scratched(5), METHODS[0], "not good")
    told = made.figures()["evidence"]
    assert isinstance(told, dict)
    assert told["has_evidence"] is True
    assert told["p_value"] == pytest.approx(1 / (PARTS + 1))
    assert len(told["regions"]) == len(made.regions) >= 1


def test_the_top_class_has_a_threshold_of_its_own(
    calibrated: Explainer, found: Calibration
) -> None:
    picture = scratched(7)
    unasked, asked = (calibrated.explain(picture, "hires-cam", one) for one in (None, "scratch"))
    assert unasked.target.label == asked.target.label == "scratch"
    (scratch,) = (one for one in found.of_method("hires-cam").targets if one.target == "scratch")
    assert unasked.evidence is not None
    assert asked.evidence is not None
    assert unasked.evidence.yardstick.threshold == scratch.threshold_as_top
    assert asked.evidence.yardstick.threshold == scratch.threshold
    assert unasked.evidence.p_value >= asked.evidence.p_value


def test_what_it_is_not_of_is_refused(calibrated: Explainer, tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="not of 'grad-cam'"):
        calibrated.explain(brushed(0), "grad-cam")
    with pytest.raises(CalibrationError, match="ask for one of those, or calibrate with --target"):
        calibrated.explain(brushed(0), "hires-cam", Contrast("scratch", "crack"))
    assert calibrated.explain(brushed(0), "centre-gaussian").evidence is None


def test_a_calibration_of_another_bundle_is_refused(file: Path, tmp_path: Path) -> None:
    document = json.loads(file.read_text())
    del document[SEAL]
    other = tmp_path / "other.json"
    other.write_text(json.dumps(sealed(document | {"bundle": "0" * 64})))
    with pytest.raises(CalibrationError, match="is of another bundle"):
        camruntime.load(INSPECTOR, ["cpu"], calibration=other)


def test_a_calibration_of_another_provider_is_said(
    found: Calibration, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = tmp_path / "other.json"
    dataclasses.replace(found, provider="CUDAExecutionProvider").write(other)
    camruntime.load(INSPECTOR, ["cpu"], calibration=other)
    (said,) = caplog.messages
    assert said.startswith("calibrated on CUDAExecutionProvider, computing on CPUExecutionProvider")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('"alpha": 0.05', '"alpha": 0.01', "changed or damaged"),
        ('"parts": [', '"parts": ', "not valid JSON"),
        ('"schema_version": 1', '"schema_version": 7', "schema_version 7"),
    ],
)
def test_a_file_that_was_changed_is_refused(
    file: Path, tmp_path: Path, before: str, after: str, words: str
) -> None:
    text = file.read_text()
    assert before in text
    broken = tmp_path / "broken.json"
    broken.write_text(text.replace(before, after))
    with pytest.raises(CalibrationError, match=words):
        read_calibration(broken)


def test_a_file_that_contradicts_itself_is_refused(file: Path, tmp_path: Path) -> None:
    document = json.loads(file.read_text())
    del document[SEAL]
    document["parts"].pop()
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(sealed(document)))
    with pytest.raises(CalibrationError, match="a value for each of 59 parts"):
        read_calibration(broken)


@pytest.mark.parametrize("given", ["nowhere.json", "."])
def test_no_file_is_no_calibration(tmp_path: Path, given: str) -> None:
    with pytest.raises(CalibrationError, match="camruntime calibrate"):
        read_calibration(tmp_path / given)


def test_too_few_parts_are_refused_before_any_is_measured(
    explainer: Explainer, parts: Path, tmp_path: Path
) -> None:
    planned = plan(explainer, ["hires-cam"], None, 0.01)
    with pytest.raises(CalibrationError, match=r"= 99 good parts .*, got 60: .* 0.0164$"):
        calibrate(explainer, parts, planned, tmp_path / "unfinished")
    assert not (tmp_path / "unfinished").exists()


@pytest.mark.parametrize("alpha", [0, 1, -0.1, 0.6, float("nan"), True, "0.05"])
def test_no_such_alpha(explainer: Explainer, alpha: object) -> None:
    with pytest.raises(CalibrationError, match="alpha is the share of good parts"):
        plan(explainer, ["hires-cam"], None, alpha)  # type: ignore[arg-type]


def test_what_cannot_be_calibrated_is_said(explainer: Explainer) -> None:
    planned = plan(explainer, ["hires-cam", "centre-gaussian"], ["scratch"], ALPHA)
    assert len(planned.methods) == 1
    assert "centre-gaussian" in planned.left_out[0]
    with pytest.raises(CalibrationError, match="centre-gaussian: it does not say which unit"):
        plan(explainer, ["centre-gaussian"], None, ALPHA)


def test_a_picture_that_is_there_twice_counts_once(explainer: Explainer, tmp_path: Path) -> None:
    parts = write_parts(tmp_path / "parts", range(20))
    (parts / "copy.png").write_bytes((parts / "0003.png").read_bytes())
    (parts / "broken.png").write_bytes(b"no picture")
    write_parts(parts / "masks", range(50, 60))  # folders are not looked into
    planned = plan(explainer, ["hires-cam"], ["not good"], ALPHA)
    found = calibrate(explainer, parts, planned, tmp_path / "unfinished")
    assert len(found.parts) == 20
    same, broken = sorted(found.left_out, key=lambda line: "broken" in line)
    assert "copy.png" in same
    assert "the same picture as" in same
    assert broken.startswith("broken.png: ")


def _crafted(file: Path, folder: Path, place: tuple[str | int, ...], value: object) -> Path:
    """A copy with another value, sealed again; for None the second part's digest."""
    document = json.loads(file.read_text())
    del document[SEAL]
    *way, last = place
    at = document
    for one in way:
        at = at[one]
    at[last] = document["parts"][1]["sha256"] if value is None else value
    crafted = folder / "crafted.json"
    crafted.write_text(json.dumps(sealed(document)))
    return crafted


class StoppedError(Exception):
    """Somebody stopped it."""


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("methods", 0, "unit"), "relative", "is in the unit 'relative', its maps are in 'logit'"),
        (("good",), 3, "classes are not those of inspector"),
        (("methods", 0, "targets", 5, "classes"), [1, 77], "classes are not those of inspector"),
    ],
)
def test_what_the_network_does_not_have_is_refused(
    file: Path, tmp_path: Path, place: tuple[str | int, ...], value: object, words: str
) -> None:
    crafted = _crafted(file, tmp_path, place, value)
    with pytest.raises(CalibrationError, match=words):
        camruntime.load(INSPECTOR, ["cpu"], calibration=crafted).explain(brushed(0), METHODS[0])


def test_a_file_that_is_no_picture_is_said(explainer: Explainer, tmp_path: Path) -> None:
    parts = write_parts(tmp_path / "parts", range(20))
    (parts / "gone.png").symlink_to(tmp_path / "nowhere.png")
    planned = plan(explainer, ["hires-cam"], ["not good"], ALPHA)
    found = calibrate(explainer, parts, planned, tmp_path / "unfinished")
    assert found.left_out == ("gone.png: expected a picture, it is no file or a broken link",)


def test_it_goes_on_where_it_was(explainer: Explainer, tmp_path: Path) -> None:
    parts = write_parts(tmp_path / "parts", range(30))
    planned = plan(explainer, ["hires-cam"], ["not good"], ALPHA)
    whole = calibrate(explainer, parts, planned, tmp_path / "whole")

    def stop(done: int, every: int, name: str) -> None:
        assert every == 30
        if done == 12:
            raise StoppedError

    told: list[int] = []
    work = tmp_path / "unfinished"
    with pytest.raises(StoppedError):
        calibrate(explainer, parts, planned, work, progress=stop)
    found = calibrate(
        explainer, parts, planned, work, progress=lambda done, every, name: told.append(done)
    )
    assert told == list(range(13, 31))
    assert found == whole
    with pytest.raises(EvaluationError, match="methods"):
        calibrate(explainer, parts, plan(explainer, ["cam"], ["not good"], ALPHA), work)


def test_what_a_calibration_knows_is_not_measured_again(
    explainer: Explainer, tmp_path: Path
) -> None:
    """Not for another alpha, and not when parts come in; a part that changed is."""
    parts = write_parts(tmp_path / "parts", range(30))
    before = calibrate(
        explainer, parts, plan(explainer, ["hires-cam"], ["not good"], 0.1), tmp_path / "a"
    )
    write_parts(parts, range(30, 33))
    (parts / "0004.png").write_bytes(
        (write_parts(tmp_path / "x", range(99, 100)) / "0099.png").read_bytes()
    )
    planned, told = plan(explainer, ["hires-cam"], ["not good"], ALPHA), []
    found = calibrate(
        explainer,
        parts,
        planned,
        tmp_path / "b",
        before,
        lambda done, every, name: told.append(name),
    )
    assert told == ["0004.png", "0030.png", "0031.png", "0032.png"]
    assert found == calibrate(explainer, parts, planned, tmp_path / "c")


def test_parts_that_are_all_alike_have_a_scale(explainer: Explainer, tmp_path: Path) -> None:
    """Maps of zero: of a class that no good part shows anything of."""
    parts = write_parts(tmp_path / "parts", range(30))
    planned = plan(explainer, ["hires-cam"], ["crack", "hole", "stain"], ALPHA)
    found = calibrate(explainer, parts, planned, tmp_path / "a")
    for one in found.methods[0].targets:
        assert one.scale > 0
        assert one.threshold_as_top is None  # good parts are taken for none of these


def test_reload_takes_the_calibration_of_the_new_bundle(file: Path, tmp_path: Path) -> None:
    """Or none: the old pair stays in use."""
    mine = tmp_path / "mine.json"
    mine.write_bytes(file.read_bytes())
    explainer = camruntime.load(INSPECTOR, ["cpu"], calibration=mine)
    explainer.reload()
    mine.write_text("{}")
    with pytest.raises(CalibrationError):
        explainer.reload()
    assert explainer.explain(scratched(1), METHODS[0], "not good").has_evidence


def test_a_relative_map_is_multiplied_with_the_score(
    calibrated: Explainer, found: Calibration
) -> None:
    made = calibrated.explain(scratched(3), "score-cam", "not good")
    (target,) = (one for one in found.of_method("score-cam").targets if one.target == "not good")
    whole = (made.target.score - target.typical) / target.scale
    assert made.evidence is not None
    cells = rescale(made.raw).maps * whole
    raw = made.target.score - (1 - rescale(made.raw).maps) * (made.target.score - target.typical)
    np.testing.assert_allclose(
        made.evidence.yardstick.calibrated(raw), np.maximum(cells, 0), rtol=1e-4, atol=1e-4
    )
    assert made.evidence.score == pytest.approx(whole)


def test_what_another_bundle_s_calibration_knows_is_measured_again(
    explainer: Explainer, tmp_path: Path
) -> None:
    """A network that was trained anew, with the same classes, under the same name."""
    parts = write_parts(tmp_path / "parts", range(30))
    planned, told = plan(explainer, ["hires-cam"], ["not good"], ALPHA), []
    found = calibrate(explainer, parts, planned, tmp_path / "a")
    strangers = replace(
        found.methods[0].targets[0], threshold=99.0, typical=99.0, scale=1.0, strongest=(99.0,) * 30
    )
    before = replace(
        found, bundle="0" * 64, methods=(replace(found.methods[0], targets=(strangers,)),)
    )
    again = calibrate(
        explainer,
        parts,
        planned,
        tmp_path / "b",
        before,
        lambda done, every, name: told.append(name),
    )
    assert len(told) == 30
    assert again == found


@pytest.mark.parametrize(
    ("alpha", "meant"), [(1 - 0.9, 0.1), (np.float32(0.05), 0.05), (np.float64(0.02), 0.02)]
)
def test_an_alpha_that_was_calculated_is_the_one_that_was_meant(
    explainer: Explainer, alpha: float, meant: float
) -> None:
    assert plan(explainer, ["hires-cam"], ["not good"], alpha).alpha == pytest.approx(
        meant, abs=1e-9
    )


def test_nine_parts_do_for_one_minus_nine_tenths(explainer: Explainer, tmp_path: Path) -> None:
    parts = write_parts(tmp_path / "parts", range(9))
    planned = plan(explainer, ["hires-cam"], ["not good"], 1 - 0.9)
    found = calibrate(explainer, parts, planned, tmp_path / "unfinished")
    found.write(tmp_path / "found.json")
    target = read_calibration(tmp_path / "found.json").methods[0].targets[0]
    assert target.threshold == max(target.strongest)


@pytest.mark.parametrize("count", [1, 11, 12, 13, 44])
def test_the_alpha_that_is_advised_will_do(
    explainer: Explainer, tmp_path: Path, count: int
) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    for number in range(count):
        (parts / f"{number}.png").write_bytes(bytes([number]))  # counted before they are read
    with pytest.raises(CalibrationError) as refused:
        calibrate(explainer, parts, plan(explainer, ["cam"], None, 0.001), tmp_path / "u")
    advised = float(str(refused.value).split()[-1])
    assert parts_needed(advised) <= count


@pytest.mark.parametrize("targets", [[], [None]])
def test_no_target_is_none(explainer: Explainer, targets: list[str]) -> None:
    with pytest.raises(CalibrationError, match="expected classes or contrasts as targets"):
        plan(explainer, ["hires-cam"], targets, ALPHA)


@pytest.mark.parametrize("given", [{}, b"file.json", 5])
def test_a_calibration_is_given_as_a_path(given: object) -> None:
    with pytest.raises(CalibrationError, match="expected the path of what"):
        camruntime.load(INSPECTOR, ["cpu"], calibration=given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("methods", 0, "targets", 9, "threshold"), -100.0, "expected threshold, typ"),
        (("methods", 0, "targets", 1, "classes"), [], "expected one class"),
        (("methods", 0, "targets", 9, "threshold_as_top"), 1.0, "no picture's top class"),
        (("methods", 0, "targets"), [], "at least one target"),
        (("methods", 1, "method"), METHODS[0], "a method is there twice"),
        (("alpha",), 0.3, "expected threshold, typ"),
        (("methods", 0, "targets", 9, "typical"), 0.5, "expected threshold, typ"),
        (("methods", 1, "targets", 3, "scale"), 7.0, "expected threshold, typ"),
        (("methods", 0, "targets", 1, "threshold_as_top"), 9.0, "'scratch' as top class"),
        (("parts", 0, "top"), 99, "as top class"),
        (("parts", 0, "sha256"), None, "a part is there twice"),
    ],
)
def test_numbers_that_contradict_each_other_are_refused(
    file: Path, tmp_path: Path, place: tuple[str | int, ...], value: object, words: str
) -> None:
    """By whoever wrote the file and its digest."""
    crafted = _crafted(file, tmp_path, place, value)
    with pytest.raises(CalibrationError, match=words):
        read_calibration(crafted)
