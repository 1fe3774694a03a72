"""Records computed again: what is the same is seen to be, and whatever was changed is, too."""

from __future__ import annotations

import dataclasses
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import camruntime
from camruntime import CamError, Contrast, Explainer, Pixels
from camruntime.bundle import digest_file
from camruntime.errors import RecordError
from camruntime.record import Record, picture_of, raw_map_of, record_of
from camruntime.replay import Replayed, agreement, replay
from conftest import INSPECTOR
from good_parts import scratched
from manifests import edit_manifest
from packages import write_package
from recorded import (
    CRACK,
    METHOD,
    STAIN,
    calibrated,
    noise,
    recorded,
    with_probability,
    write_records,
)


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    return camruntime.load(INSPECTOR, ["cpu"])


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return calibrated(tmp_path_factory.mktemp("calibration"))


def _one(folder: Path, record: Record, **given: Any) -> Replayed:
    (found,) = replay(write_records(folder / "r.jsonl", record), **given)
    return found


def _words(found: Replayed) -> str:
    assert found.agreement is not None
    return "; ".join((*found.agreement.differences, *found.agreement.rounding))


@pytest.mark.parametrize("target", [None, "scratch", "not good", Contrast("hole", "good")])
@pytest.mark.parametrize("method", ["recipro-cam:mask=gaussian", "grad-cam", "score-cam"])
def test_the_same_is_the_same_to_the_bit(
    explainer: Explainer, tmp_path: Path, method: str, target: Any
) -> None:
    found = _one(tmp_path, recorded(explainer, STAIN, method, target))
    assert (found.outcome, found.why, found.notes) == ("the same", "", ())
    assert found.agreement is not None
    assert found.agreement.map_difference == 0


@pytest.mark.parametrize("method", ["decom-cam", "random", "feature-cam", "smooth-grad-cam++"])
def test_large_maps_and_seeds_too(explainer: Explainer, tmp_path: Path, method: str) -> None:
    assert _one(tmp_path, recorded(explainer, CRACK, method)).outcome == "the same"


def test_several_targets_of_one_call(explainer: Explainer, tmp_path: Path) -> None:
    """Whose maps depend on each other: of `anytime-score-cam` they share what is measured."""
    asked = ["scratch", "not good", None]
    made = explainer.explain(CRACK, "anytime-score-cam:share=0.3", asked)
    record = record_of(
        made[1], picture_of(CRACK, made[1].photo), explainer, target=asked[1], together=asked
    )
    assert _one(tmp_path, record).outcome == "the same"
    alone = replace(record, target=replace(record.target, together=None))
    assert _one(tmp_path, alone).outcome != "the same"


def test_a_verdict_without_a_map(explainer: Explainer, tmp_path: Path) -> None:
    record = record_of(explainer.predict(CRACK), picture_of(CRACK), explainer)
    assert _one(tmp_path, record).outcome == "the same"
    assert _one(tmp_path, with_probability(record, 0.5)).outcome == "different"


def test_errors_are_repeated_too(explainer: Explainer, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    (error,) = explainer.explain_each([bad], errors="yield")
    assert isinstance(error, CamError)
    method = explainer.method("anytime-score-cam:milliseconds=5")
    record = record_of(error, picture_of(bad), explainer, method=method)
    assert _one(tmp_path, record).outcome == "the same"
    claimed = record_of(error, picture_of(CRACK), explainer, method=method)
    found = _one(tmp_path, claimed)
    assert found.outcome == "different"
    assert _words(found).startswith("error ImageError: ")
    gone = record_of(error, picture_of(tmp_path / "gone.png"), explainer)
    assert "could not be read then" in _one(tmp_path, gone).why


# --- what was changed ------------------------------------------------------------------------


def test_an_edited_number_is_seen(explainer: Explainer, tmp_path: Path) -> None:
    record = recorded(explainer)
    assert record.verdict is not None
    then = record.verdict.predicted.probability
    found = _one(tmp_path, with_probability(record, then - 0.01))
    assert found.outcome == "different"
    said = f"predicted.probability {then - 0.01:.9g} recorded, {then:.9g} now"
    assert _words(found) == said
    near = _one(tmp_path, with_probability(record, then - 5e-5))
    assert near.outcome == "within rounding"
    assert _one(tmp_path, with_probability(record, then - 0.01), tolerance=0.02).outcome == (
        "within rounding"
    )


def test_an_edited_class_method_or_region_is_seen(explainer: Explainer, tmp_path: Path) -> None:
    record = recorded(explainer)
    assert record.verdict is not None
    assert record.method is not None
    hole = replace(record.verdict.predicted, index=3, label="hole")
    (region,) = record.regions
    edits: dict[str, dict[str, Any]] = {
        "predicted 3 hole recorded, 2 crack now": {
            "verdict": replace(record.verdict, predicted=hole)
        },
        "present[1] ": {
            "verdict": replace(record.verdict, present=(*record.verdict.present, hole))
        },
        "region 1.x ": {"regions": (replace(region, x=region.x + 1),)},
        "region 1's mask is another one": {"regions": (replace(region, rle="0"),)},
        "region 1.mean ": {"regions": (replace(region, mean=0.9),)},
        "number of regions 0 recorded, 1 now": {"regions": ()},
        "no_evidence True recorded, False now": {"no_evidence": True},
        "region 1.rank 2 recorded, 1 now": {"regions": (replace(region, rank=2),)},
        "the map is off by": {
            "method": replace(record.method, options={"score": "logit", "mask": "cell"})
        },
        "edges Canny recorded, none now": {"edges": "Canny"},
    }
    for said, edit in edits.items():
        found = _one(tmp_path, replace(record, **edit))
        assert found.outcome == "different", said
        assert said in _words(found)


def test_a_map_that_is_off_is_measured(explainer: Explainer, tmp_path: Path) -> None:
    made = explainer.explain(CRACK)
    record = recorded(explainer)
    wide = float(made.raw.max() - made.raw.min())
    for share, outcome in ((1e-5, "within rounding"), (1e-3, "different")):
        raw = made.raw.copy()
        raw[3, 4] += np.float32(share * wide)
        found = _one(tmp_path, replace(record, map=raw_map_of(raw)))
        assert found.outcome == outcome
        assert found.agreement is not None
        assert found.agreement.map_difference == pytest.approx(share, rel=0.05)
    raw[0, 0] = np.nan
    found = _one(tmp_path, replace(record, map=raw_map_of(raw)))
    assert "the map is off by inf of its range" in _words(found)
    found = _one(tmp_path, replace(record, map=raw_map_of(raw[:5])))
    assert found.outcome == "different"
    assert _words(found).startswith("map.shape (5, 16) recorded, (16, 16) now")


def test_a_picture_that_changed_is_not_compared(explainer: Explainer, tmp_path: Path) -> None:
    photo = tmp_path / "part.png"
    shutil.copy(CRACK, photo)
    record = recorded(explainer, photo)
    kept = tmp_path / "kept" / "deep" / "other name.png"
    kept.parent.mkdir(parents=True)
    shutil.copy(photo, kept)
    shutil.copy(STAIN, photo)
    found = _one(tmp_path, record)
    assert found.outcome == "not replayable"
    digests = [digest_file(one)[:12] for one in (CRACK, STAIN)]
    assert found.why == (
        f"{photo} is another picture now, SHA-256 {digests[0]}… recorded, {digests[1]}… now"
    )
    assert _one(tmp_path, record, pictures=kept.parents[1]).outcome == "the same"
    photo.unlink()
    assert _one(tmp_path, record).why == f"{photo} is not there: give --pictures FOLDER with it"
    assert _one(tmp_path, record, pictures=kept.parents[1]).outcome == "the same"
    (tmp_path / "empty").mkdir()
    found = _one(tmp_path, record, pictures=tmp_path / "empty")
    assert found.why.endswith(f"is not there, and none like it is in {tmp_path / 'empty'}")


def test_a_picture_that_is_decoded_otherwise_is_seen(explainer: Explainer, tmp_path: Path) -> None:
    record = recorded(explainer)
    found = _one(tmp_path, replace(record, picture=replace(record.picture, pixels_sha256="0" * 64)))
    assert found.outcome == "different"
    assert _words(found).startswith("picture.pixels_sha256 000")


def test_arrays_are_found_by_their_pixels(explainer: Explainer, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    colour, grey = noise(1, 40, 60, 3), noise(2, 40, 60)
    floats = noise(3, 40, 60, 3) / np.float64(255)
    cv2.imwrite(str(folder / "colour.png"), colour[..., ::-1])
    cv2.imwrite(str(folder / "grey.png"), grey)
    np.save(folder / "floats.npy", floats)
    (folder / "broken.png").write_bytes(b"broken")
    (folder / "pickle.npy").write_bytes(b"broken")
    for image in (colour, grey, grey[..., None], Pixels(floats, 1.0)):
        record = recorded(explainer, image)
        assert _one(tmp_path, record, pictures=folder).outcome == "the same"
    assert "give --pictures FOLDER with its pixels" in _one(tmp_path, record).why
    other = recorded(explainer, noise(9, 40, 60))
    found = _one(tmp_path, other, pictures=folder)
    assert found.why == f"no picture with its pixels is in {folder}"


def test_another_bundle_is_refused_and_says_in_what(explainer: Explainer, tmp_path: Path) -> None:
    """Other weights, as of a network that was trained anew or randomised."""
    other = tmp_path / "other"
    shutil.copytree(INSPECTOR, other, ignore=shutil.ignore_patterns("samples"))

    def change(content: dict[str, Any]) -> None:
        content["source"]["digest"] = "0" * 64

    edit_manifest(other, change)
    found = _one(tmp_path, recorded(explainer), bundle=other)
    assert found.outcome == "not replayable"
    weights = explainer.bundle.manifest.source.digest
    assert found.why == (
        f"another bundle lies at {other}: weights {weights[:12]}… recorded, 000000000000… here"
    )


def test_one_changed_weight_is_seen(explainer: Explainer, tmp_path: Path) -> None:
    """In a bundle that says it has the same weights, and whose digests fit."""
    other = tmp_path / "other"
    shutil.copytree(INSPECTOR, other, ignore=shutil.ignore_patterns("samples"))
    values = np.frombuffer((other / "weights.bin").read_bytes(), np.float32).copy()
    values[np.abs(values).argmax()] *= -1
    (other / "weights.bin").write_bytes(values.tobytes())
    edit_manifest(
        other,
        lambda content: content["weights"].update(sha256=digest_file(other / "weights.bin")),
    )
    found = _one(tmp_path, recorded(explainer), bundle=other)
    assert found.outcome == "different"
    (note,) = found.notes
    assert note.startswith("the bundle is another one of the same model, layer and weights: digest")


def test_a_package_gives_the_variant_that_computed(tmp_path: Path) -> None:
    package = write_package(tmp_path / "package")
    records = [
        recorded(camruntime.load(package, ["cpu"], variant=one)) for one in ("float32", "fp16")
    ]
    file = write_records(tmp_path / "r.jsonl", *records)
    assert [one.outcome for one in replay(file)] == ["the same"] * 2
    found = [*replay(file, bundle=INSPECTOR)]
    assert [one.outcome for one in found] == ["the same", "not replayable"]
    assert "…, fp16 recorded, " in found[1].why


def test_no_bundle_and_no_provider(explainer: Explainer, tmp_path: Path) -> None:
    record = recorded(explainer)
    nowhere = replace(record, bundle=replace(record.bundle, path=None))
    assert _one(tmp_path, nowhere).why.endswith("give --bundle PATH")
    gone = replace(record, bundle=replace(record.bundle, path=str(tmp_path / "gone")))
    assert _one(tmp_path, gone).outcome == "not replayable"
    assert _one(tmp_path, gone, bundle=INSPECTOR).outcome == "the same"
    card = replace(record, provider="NoSuchExecutionProvider")
    found = _one(tmp_path, card)
    assert found.outcome == "the same"
    note = "NoSuchExecutionProvider does not open here: computed on CPUExecutionProvider"
    assert found.notes == (note,)


# --- calibrations ----------------------------------------------------------------------------


def test_evidence_is_compared(calibration: Path, tmp_path: Path) -> None:
    judging = camruntime.load(INSPECTOR, ["cpu"], calibration=calibration)
    cv2.imwrite(str(tmp_path / "s.png"), scratched(2000))
    record = recorded(judging, tmp_path / "s.png", METHOD, "not good")
    evidence = record.evidence
    assert evidence is not None
    assert _one(tmp_path, record, calibration=calibration).outcome == "the same"
    edits: dict[str, dict[str, Any]] = {
        "evidence.score": {"score": evidence.score + 1},
        "evidence.p_value": {"p_value": 2 / 21},
        "evidence.has_evidence": {"has_evidence": False},
        "evidence.alpha": {"alpha": 0.01},
    }
    for name, edit in edits.items():
        edited = replace(record, evidence=dataclasses.replace(evidence, **edit))
        found = _one(tmp_path, edited, calibration=calibration)
        assert found.outcome == "different"
        assert _words(found).startswith(f"{name} ")


def test_another_calibration_is_refused(calibration: Path, tmp_path: Path) -> None:
    judging = camruntime.load(INSPECTOR, ["cpu"], calibration=calibration)
    record = recorded(judging, CRACK, METHOD, "not good")
    assert "give it with --calibration FILE" in _one(tmp_path, record).why
    other = calibrated(tmp_path / "other", range(100, 120))
    found = _one(tmp_path, record, calibration=other)
    assert found.outcome == "not replayable"
    assert found.why.startswith("it was held against another calibration: ")


def test_a_record_without_a_calibration_needs_none(
    explainer: Explainer, calibration: Path, tmp_path: Path
) -> None:
    assert _one(tmp_path, recorded(explainer), calibration=calibration).outcome == "the same"


# --- methods that the clock ends -------------------------------------------------------------


@pytest.mark.parametrize("milliseconds", [0, 15, 1e6])
@pytest.mark.parametrize("share", [0.1, 1])
def test_a_method_that_the_clock_ended_is_repeated_as_far(
    explainer: Explainer, tmp_path: Path, milliseconds: float, share: float
) -> None:
    method = f"anytime-score-cam:milliseconds={milliseconds}:share={share}"
    record = recorded(explainer, CRACK, method)
    assert _one(tmp_path, record).outcome == "the same"
    assert record.approximation is not None
    further = replace(record.approximation, evaluated=record.approximation.evaluated + 1)
    beyond = further.evaluated > further.channels
    found = _one(tmp_path, replace(record, approximation=further))
    assert found.outcome == ("not replayable" if beyond else "different")


def test_without_how_far_it_cannot_be_repeated(explainer: Explainer, tmp_path: Path) -> None:
    record = recorded(explainer, CRACK, "anytime-score-cam:milliseconds=5")
    found = _one(tmp_path, replace(record, approximation=None))
    assert found.why == "its method was ended by the clock, and nothing says how far it got"


@pytest.mark.parametrize("spec", ["no-such-cam", "score-cam"])
def test_a_method_that_is_not_known_any_more(
    explainer: Explainer, tmp_path: Path, spec: str
) -> None:
    record = recorded(explainer)
    assert record.method is not None
    found = _one(tmp_path, replace(record, method=replace(record.method, spec=spec)))
    assert found.why.startswith("its method is not that of this camruntime: ")


def test_a_spec_that_contradicts_the_options(explainer: Explainer, tmp_path: Path) -> None:
    record = recorded(explainer)
    assert record.method is not None
    edited = replace(record, method=replace(record.method, spec="recipro-cam:score=logit"))
    found = _one(tmp_path, edited)
    assert found.why == "spec and options of its method contradict each other in 'score'"


# --- arguments and notes ---------------------------------------------------------------------


def test_other_versions_are_noted(explainer: Explainer, tmp_path: Path) -> None:
    record = recorded(explainer)
    older = replace(record, versions=replace(record.versions, numpy="1.0"))
    (note,) = _one(tmp_path, older).notes
    assert note == f"numpy 1.0 recorded, {np.__version__} now"


def test_records_agree_with_themselves_and_not_with_others(explainer: Explainer) -> None:
    one, other = recorded(explainer), recorded(explainer, STAIN)
    assert agreement(one, one).level == "the same"
    assert agreement(one, other).level == "different"
    assert agreement(one, replace(one, time="2020-01-01T00:00:00.000Z", part="x")).level == (
        "the same"
    )


@pytest.mark.parametrize("tolerance", [-1, 2, float("nan"), "1", True])
def test_a_tolerance_is_a_share(tmp_path: Path, tolerance: Any) -> None:
    with pytest.raises(CamError, match=r"tolerance lies in \[0, 1\], got"):
        replay(tmp_path / "r", tolerance=tolerance)


def test_wrong_paths_are_said(explainer: Explainer, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"is no folder: give the one that the pictures are in"):
        replay(tmp_path / "r", pictures=CRACK)
    with pytest.raises(CamError, match=r"cannot read .* as a calibration"):
        replay(tmp_path / "r", calibration=CRACK)
    with pytest.raises(RecordError, match="cannot read"):
        list(replay(tmp_path / "r"))
    file = write_records(tmp_path / "r", recorded(explainer))
    file.write_bytes(file.read_bytes() + json.dumps({}).encode() + b"\n")
    found = replay(file)
    assert next(found).outcome == "the same"
    with pytest.raises(RecordError, match=r"r, line 2 is no record"):
        next(found)
