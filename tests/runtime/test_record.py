"""Records: every field held against hashlib, NumPy and the explanation, by hand."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import platform
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime  # noqa: TID251  # to see that its version is meant
import pytest

import camruntime
from camruntime import CamError, Contrast, Explainer, Pixels
from camruntime.errors import ImageError, RecordError, TargetError
from camruntime.pictures import Picture
from camruntime.record import (
    REGIONS,
    digest_pixels,
    from_line,
    picture_of,
    raw_map_of,
    read_records,
    record_of,
    to_line,
)
from camruntime.regions import decode_rle
from conftest import INSPECTOR
from good_parts import brushed, scratched
from recorded import CRACK, METHOD, as_json, calibrated, noise, recorded, write_records


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    return camruntime.load(INSPECTOR, ["cpu"])


@pytest.fixture(scope="module")
def judging(tmp_path_factory: pytest.TempPathFactory) -> Explainer:
    """One with a calibration."""
    return camruntime.load(
        INSPECTOR, ["cpu"], calibration=calibrated(tmp_path_factory.mktemp("calibration"))
    )


def _bgr() -> Picture:
    found = cv2.imread(str(CRACK))
    assert found is not None
    return np.asarray(found, np.uint8)


def test_a_record_of_a_file_says_what_was_decided_and_by_what(explainer: Explainer) -> None:
    made = explainer.explain(CRACK, "score-cam")
    found = as_json(record_of(made, picture_of(CRACK, made.photo), explainer, part="A 17/3 «ü»"))
    pixels = _bgr()[..., ::-1]
    assert found["picture"] == {
        "path": str(CRACK),
        "file_sha256": hashlib.sha256(CRACK.read_bytes()).hexdigest(),
        "pixels_sha256": hashlib.sha256(b"uint8 (128, 128, 3)\n" + pixels.tobytes()).hexdigest(),
        "dtype": "uint8",
        "shape": [128, 128, 3],
        "full_scale": None,
    }
    manifest = json.loads((INSPECTOR / "bundle.json").read_text("utf-8"))
    assert found["bundle"] == {
        "digest": manifest["manifest_sha256"],
        "model": "inspector",
        "layer": "features",
        "weights": manifest["source"]["digest"],
        "path": str(INSPECTOR),
    }
    assert found["versions"] == {
        "camruntime": version("camexport"),
        "onnxruntime": onnxruntime.__version__,
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "python": platform.python_version(),
    }
    assert found["part"] == "A 17/3 «ü»"
    assert found["provider"] == "CPUExecutionProvider"
    assert found["method"] == {"spec": "score-cam", "options": {"preset": "paper"}}
    crack = dataclasses.asdict(made.predicted)
    assert crack["label"] == "crack"
    assert found["verdict"] == {"predicted": crack, "present": [crack]}
    assert found["target"] == {"asked": None, "together": None, "meant": crack, "against": None}
    assert found["calibration"] is found["evidence"] is found["error"] is found["choice"] is None
    assert found["no_evidence"] is False
    spent = made.milliseconds
    assert found["milliseconds"] == {
        "read": pytest.approx(spent.read, abs=1e-3),
        "network": pytest.approx(spent.network, abs=1e-3),
        "method": pytest.approx(spent.method, abs=1e-3),
    }


def test_a_small_map_is_in_it_bit_for_bit(explainer: Explainer) -> None:
    made = explainer.explain(CRACK)
    found = as_json(recorded(explainer))["map"]
    data = base64.b64decode(found["values"])
    assert data == made.raw.astype("<f4").tobytes()
    assert found["sha256"] == hashlib.sha256(data).hexdigest()
    assert found["shape"] == found["grid"] == [16, 16]


def test_of_a_large_map_means_stand_for_it(explainer: Explainer) -> None:
    made = explainer.explain(CRACK, "decom-cam")
    found = as_json(recorded(explainer, method="decom-cam"))["map"]
    means = made.raw.reshape(16, 8, 16, 8).mean((1, 3))
    values = np.frombuffer(base64.b64decode(found["values"]), "<f4").reshape(16, 16)
    np.testing.assert_allclose(values, means, rtol=1e-5)
    assert (found["shape"], found["grid"]) == ([128, 128], [16, 16])
    assert found["sha256"] == hashlib.sha256(made.raw.tobytes()).hexdigest()


@pytest.mark.parametrize(("shape", "grid"), [((32, 32), (32, 32)), ((33, 32), (16, 16)),
                                             ((5, 900), (5, 16)), ((1, 1), (1, 1))])  # fmt: skip
def test_how_large_a_map_may_be(shape: tuple[int, int], grid: tuple[int, int]) -> None:
    raw = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    found = raw_map_of(raw)
    assert (found.shape, found.grid, found.array().shape) == (shape, grid, grid)


def test_a_map_that_is_no_number_is_kept_as_it_is() -> None:
    raw = np.array([[np.nan, np.inf], [-0.0, 1e-40]], np.float32)
    assert raw_map_of(raw).array().tobytes() == raw.tobytes()


def test_evidence_and_regions_of_a_calibrated_run(judging: Explainer) -> None:
    photo = scratched(2000)
    made = judging.explain(photo, METHOD, "not good")
    found = as_json(recorded(judging, photo, METHOD, "not good"))
    assert made.evidence is not None
    assert judging.calibration is not None
    assert found["calibration"] == judging.calibration.digest
    assert found["evidence"] == {
        "has_evidence": True,
        "score": made.evidence.score,
        "p_value": 1 / 21,
        "alpha": 0.05,
        "threshold": made.evidence.yardstick.threshold,
    }
    assert found["target"]["asked"] == "not good"
    assert found["target"]["meant"] == dataclasses.asdict(made.target)
    assert found["target"]["against"]["label"] == "good"
    for one, region in zip(found["regions"], made.regions, strict=True):
        box = [one[name] for name in ("x", "y", "width", "height")]
        assert box == list(region.box)
        assert one["p_value"] == 1 / 21
        mask = decode_rle({"size": [128, 128], "counts": one["rle"]}, (128, 128))
        np.testing.assert_array_equal(mask, made.photo_evidence > 1)
        assert one["area"] == mask.sum()
        values = made.photo_evidence[mask]
        np.testing.assert_allclose(
            [one["strongest"], one["mean"]], [values.max(), values.mean()], rtol=1e-5
        )


def test_no_evidence_of_a_good_part(judging: Explainer) -> None:
    found = as_json(recorded(judging, brushed(2001), METHOD, "not good"))
    assert found["evidence"]["has_evidence"] is False
    assert found["regions"] == []


def test_arrays_are_digested_as_they_were_given(explainer: Explainer) -> None:
    grey = noise(1, 40, 60)
    for given in (grey, grey[..., None], noise(2, 40, 60, 3), noise(3, 60, 40).T):
        found = as_json(recorded(explainer, given))["picture"]
        head = f"uint8 {given.shape}\n".encode()
        assert found["pixels_sha256"] == hashlib.sha256(head + given.tobytes()).hexdigest()
        assert (found["path"], found["file_sha256"]) == (None, None)


def test_pixels_say_what_white_is(explainer: Explainer) -> None:
    values = noise(4, 8, 8, 3) / np.float64(255)
    found = as_json(recorded(explainer, Pixels(values, 1.0)))["picture"]
    expected = hashlib.sha256(b"float64 (8, 8, 3)\n" + values.tobytes()).hexdigest()
    assert (found["pixels_sha256"], found["full_scale"]) == (expected, 1.0)


def test_byte_order_does_not_change_a_digest() -> None:
    values = np.arange(12, dtype="<u2").reshape(3, 4)
    assert digest_pixels(values.astype(">u2")) == digest_pixels(values)
    assert digest_pixels(values.reshape(4, 3)) != digest_pixels(values)
    assert digest_pixels(values.astype("<i2")) != digest_pixels(values)


@pytest.mark.parametrize("shape", [(40, 60), (40, 60, 3)])
def test_a_buffer_that_was_filled_again_is_no_record(
    explainer: Explainer, shape: tuple[int, ...]
) -> None:
    buffer = noise(5, *shape)
    made = explainer.explain(buffer)
    buffer[3, 4] ^= 1
    with pytest.raises(ImageError, match="the array is not the picture that was explained: where"):
        picture_of(buffer, made.photo)
    with pytest.raises(ImageError, match="is not the picture"):
        picture_of(buffer[:-1], made.photo)


@pytest.mark.parametrize("image", [None, 3, [1], np.array(["a"]), np.zeros((2, 2), complex)])
def test_what_is_no_picture_is_refused(image: object) -> None:
    with pytest.raises(ImageError, match=r"expected (the path|an array)"):
        picture_of(image)


def test_a_verdict_without_a_map(explainer: Explainer) -> None:
    found = as_json(record_of(explainer.predict(CRACK), picture_of(CRACK), explainer))
    assert found["verdict"]["predicted"]["label"] == "crack"
    assert found["method"] is found["map"] is found["no_evidence"] is found["evidence"] is None
    assert found["regions"] == []
    assert found["milliseconds"]["method"] is None
    assert found["target"]["meant"] is None
    assert found["picture"]["pixels_sha256"] is None


def test_what_a_budget_chose(explainer: Explainer) -> None:
    made = explainer.explain(CRACK, budget_ms=60_000)
    found = as_json(record_of(made, picture_of(CRACK, made.photo), explainer))
    assert made.choice is not None
    assert found["choice"] == json.loads(json.dumps(dataclasses.asdict(made.choice)))
    assert found["choice"]["budget_ms"] == 60_000


def test_errors_have_records(judging: Explainer, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    for path, digest in ((bad, hashlib.sha256(b"no picture").hexdigest()), (tmp_path / "x", None)):
        (error,) = judging.explain_each([path], METHOD, errors="yield")
        assert isinstance(error, CamError)
        method = judging.method(METHOD)
        found = as_json(record_of(error, picture_of(path), judging, method=method))
        assert found["error"] == {"type": "ImageError", "message": str(error)}
        assert found["picture"]["file_sha256"] == digest
        assert found["picture"]["path"] == str(path)
        assert found["method"]["spec"] == METHOD
        assert judging.calibration is not None
        assert found["calibration"] == judging.calibration.digest
        assert found["verdict"] is found["map"] is found["milliseconds"] is None


def test_targets_are_kept_as_the_caller_said(explainer: Explainer) -> None:
    asked: list[Any] = [2, np.int64(2), "hole", "hole-good", Contrast("hole", 0), Contrast(), None]
    said = [2, 2, "hole", "hole-good", {"target": "hole", "against": 0},
            {"target": None, "against": None}, None]  # fmt: skip
    for target, expected in zip(asked, said, strict=True):
        assert as_json(recorded(explainer, target=target))["target"]["asked"] == expected
    made = explainer.explain(CRACK, target=asked)
    one = record_of(made[4], picture_of(CRACK), explainer, target=asked[4], together=asked)
    assert as_json(one)["target"]["together"] == said
    error = TargetError("no such class")
    one = record_of(error, picture_of(CRACK), explainer, target=10**30)
    assert as_json(one)["target"]["asked"] == str(10**30)


def test_times_are_utc_in_milliseconds(explainer: Explainer) -> None:
    made = explainer.explain(CRACK)
    east = timezone(timedelta(hours=5, minutes=30))
    moment = datetime(2026, 1, 31, 3, 4, 5, 678_999, tzinfo=east)
    found = record_of(made, picture_of(CRACK), explainer, time=moment)
    assert as_json(found)["time"] == "2026-01-30T21:34:05.678Z"
    before = datetime.now(UTC)
    said = datetime.fromisoformat(record_of(made, picture_of(CRACK), explainer).time)
    assert abs((said - before).total_seconds()) < 5


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"part": 3}, "part is a text of at most 1000 characters, got 3"),
        ({"part": "x" * 1001}, "part is a text of at most 1000 characters, got 'xxx"),
        ({"time": datetime(2026, 1, 1)}, "time is a datetime with its time zone"),
        ({"time": "now"}, "time is a datetime with its time zone"),
        ({"target": 1.5}, "a target is None, an index, a label or a Contrast, got 1.5"),
        ({"target": True}, "a target is None, an index"),
    ],
)
def test_wrong_arguments_are_said(explainer: Explainer, given: Any, said: str) -> None:
    with pytest.raises(CamError, match=re.escape(said)):
        record_of(explainer.explain(CRACK), picture_of(CRACK), explainer, **given)


def test_lists_and_paths_are_no_records(explainer: Explainer) -> None:
    made = explainer.explain(CRACK, target=[None])
    with pytest.raises(CamError, match=r"of one explanation, verdict or CamError; of a list each"):
        record_of(made, picture_of(CRACK), explainer)  # type: ignore[arg-type]
    with pytest.raises(CamError, match=r"expected what picture_of\(image, photo\) returns, got"):
        record_of(made[0], CRACK, explainer)  # type: ignore[arg-type]


def test_the_path_of_a_bundle_that_was_replaced_is_not_said(explainer: Explainer) -> None:
    made = explainer.explain(CRACK)
    by = replace(made.provenance, bundle="0" * 64)
    found = record_of(replace(made, provenance=by), picture_of(CRACK), explainer)
    assert (found.bundle.digest, found.bundle.path) == ("0" * 64, None)


def test_of_many_regions_the_strongest_are_kept(judging: Explainer) -> None:
    made = judging.explain(scratched(2000), METHOD, "not good")
    (region,) = made.regions
    vars(made)["shown_regions"] = (region,) * (REGIONS + 3)
    found = as_json(record_of(made, picture_of(CRACK), judging))
    assert (len(found["regions"]), found["regions_left_out"]) == (REGIONS, 3)


def test_a_long_mask_is_left_out(explainer: Explainer) -> None:
    wide = np.repeat(np.repeat(_bgr(), 20, 0), 20, 1)
    found = as_json(recorded(explainer, wide))
    (region,) = found["regions"]
    assert region["width"] > 256
    assert region["rle"] is None
    assert len(json.dumps(found)) < 4000


# --- reading ---------------------------------------------------------------------------------


def test_a_changed_map_is_seen(explainer: Explainer) -> None:
    found = as_json(recorded(explainer))
    found["map"]["values"] = "AAAA" + found["map"]["values"][4:]
    with pytest.raises(RecordError, match="are not those of its SHA-256: they were changed"):
        from_line(json.dumps(found).encode())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"no json\n", "line 2 is no JSON, Expecting value"),
        (b"\n", "line 2 is no JSON, Expecting value"),
        (
            b'{"schema_version": 9}\n',
            "line 2 is no record of schema 1: its schema_version is 9; re",
        ),
        (b'{"schema_version": true}\n', "line 2 is no record of schema 1: its schema_version is T"),
        (b"[1]\n", "line 2 is no record of schema 1: its schema_version is None"),
        (b'{"schema_version": 1}\n', "line 2 is no record of schema 1: record.approximation: miss"),
        (b'{"schema_version": NaN}\n', "line 2 is no JSON, NaN is no JSON"),
        (b'{"a": 1, "a": 2}\n', "line 2 is no JSON, the key 'a' is there twice"),
        (b"\xff\xfe\n", "line 2 is no JSON, 'utf-8' codec"),
        (b"[" * 5000 + b"\n", "line 2 is no JSON, it is nested too deep"),
        (b'{"schema_version": 1', "line 2 is cut off: whatever wrote it was ended meanwhile"),
    ],
)
def test_a_line_that_is_no_record_is_named(
    explainer: Explainer, tmp_path: Path, line: bytes, said: str
) -> None:
    path = write_records(tmp_path / "r.jsonl", recorded(explainer))
    path.write_bytes(path.read_bytes() + line)
    lines = read_records(path)
    assert next(lines)[0] == 1
    with pytest.raises(RecordError) as error:
        next(lines)
    assert said in str(error.value)
    assert str(error.value).startswith(str(path))
    assert len(str(error.value).splitlines()) == 1


def test_not_a_number_in_a_record_is_named(explainer: Explainer) -> None:
    line = to_line(recorded(explainer)).replace(b'"read": ', b'"read": NaN, "x": ')
    with pytest.raises(RecordError, match="is no JSON, NaN is no JSON"):
        from_line(line)


@pytest.mark.parametrize("name", ["none.jsonl", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordError, match=r"^cannot read .*; give what --record"):
        list(read_records(f"{tmp_path}/{name}"))
