"""The service of `examples/`: what it answers is what the explainer says, and it counts right."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

import camruntime
from camruntime import Explainer
from camruntime.good_parts import calibrate, plan
from camruntime.pictures import Picture
from good_parts import brushed, scratched, write_parts
from manifests import edit_manifest, setting
from served import INSPECTOR, SAMPLES, Served, served
from service_settings import Settings

METHODS = ("recipro-cam:score=logit", "score-cam")


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    return camruntime.load(INSPECTOR, threads=1)


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    with served(Settings(bundle=str(INSPECTOR), methods=METHODS, threads=1)) as one:
        yield one


@pytest.fixture(scope="module")
def calibration(explainer: Explainer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibration")
    parts = write_parts(folder / "parts", range(20))
    planned = plan(explainer, METHODS[:1], ["not good"], 0.05)
    calibrate(explainer, parts, planned, folder / "unfinished").write(folder / "file.json")
    return folder / "file.json"


def _decoded(png: bytes) -> Picture:
    read = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert read is not None
    return np.asarray(read, np.uint8)


def _png(picture: np.ndarray) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


def test_a_verdict_is_the_explainers(service: Served, explainer: Explainer) -> None:
    for file in SAMPLES:
        told, verdict = service.post("/predict", file, top="5").json(), explainer.predict(file)
        assert told["predicted"] == vars(verdict.predicted)
        assert [one["label"] for one in told["present"]] == [one.label for one in verdict.present]
        found = {one["index"]: one["probability"] for one in told["top"]}
        assert [found[index] for index in range(5)] == verdict.probabilities.tolist()
        assert list(found.values()) == sorted(found.values(), reverse=True)
        assert told["provenance"]["bundle"] == explainer.bundle.manifest.digest
        assert told["provenance"] == vars(verdict.provenance)
    assert len(service.post("/predict", top="2").json()["top"]) == 2


@pytest.mark.parametrize("target", [None, "2", "stain", "scratch-good", "not good"])
def test_an_explanation_is_the_explainers(
    target: str | None, service: Served, explainer: Explainer
) -> None:
    given = {} if target is None else {"target": target}
    told = service.post("/explain", SAMPLES[4], method=METHODS[0], **given).json()
    meant = int(target) if target == "2" else target
    found = explainer.explain(SAMPLES[4], METHODS[0], meant)
    assert told["method"] == METHODS[0]
    assert told["target"] == vars(found.target)
    assert told["against"] == (None if found.against is None else vars(found.against))
    assert told["evidence"] is None
    assert [one["area"] for one in told["regions"]] == [one.area for one in found.shown_regions]
    assert told["regions"][0]["polygon"] == found.shown_regions[0].polygon.tolist()
    assert told["regions"][0]["p_value"] is None
    assert told["choice"]["budget_ms"] <= 10_000


def test_the_png_is_the_explanations_picture(service: Served, explainer: Explainer) -> None:
    answer = service.post("/explain.png", SAMPLES[0], method="score-cam", target="hole")
    assert answer.headers["content-type"] == "image/png"
    expected = explainer.explain(SAMPLES[0], "score-cam", "hole").picture()
    assert np.array_equal(_decoded(answer.content), expected)


def test_auto_is_the_first_method_that_fits() -> None:
    settings = Settings(bundle=str(INSPECTOR), methods=("score-cam", "recipro-cam"), threads=1)
    with served(settings) as service:
        assert service.post("/explain").json()["method"] == "score-cam"
        answer = service.post("/explain", budget_ms="60").json()
        assert answer["method"] == "recipro-cam"
        assert [one["method"] for one in answer["choice"]["passed_over"]] == ["score-cam"]


def test_evidence_is_held_against_good_parts(calibration: Path) -> None:
    settings = Settings(
        bundle=str(INSPECTOR), calibration=str(calibration), methods=METHODS[:1], threads=1
    )
    calibrated = camruntime.load(INSPECTOR, threads=1, calibration=calibration)
    with served(settings) as service:
        for picture in (scratched(77), brushed(78)):
            found = calibrated.explain(picture, METHODS[0], "not good")
            told = service.post("/explain", _png(picture), target="not good").json()
            assert found.evidence is not None
            assert told["evidence"] == {
                "found": found.has_evidence,
                "score": found.evidence.score,
                "p_value": found.evidence.p_value,
                "alpha": 0.05,
            }
            assert [one["p_value"] for one in told["regions"]] == [
                one.p_value for one in found.regions
            ]
        other = service.post("/explain", _png(scratched(77)), target="hole").json()
        assert (other["status"], other["error"]) == (422, "CalibrationError")
        labels = f"method={METHODS[0]}"
        assert service.count("explanations_total", "evidence=found", labels) == 1
        assert service.count("explanations_total", "evidence=none", labels) == 1


def test_sixteen_bits_where_the_bundle_takes_them(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(INSPECTOR, bundle)
    edit_manifest(bundle, setting("input", "full_scale", to=65535))
    picture = np.random.default_rng(0).integers(0, 65536, (60, 90, 3), np.uint16)
    expected = camruntime.load(bundle, threads=1).predict(picture).probabilities
    with served(Settings(bundle=str(bundle), threads=1)) as service:
        for kind in (".png", ".tiff"):
            body = cv2.imencode(kind, picture[..., ::-1])[1].tobytes()
            told = service.post("/predict", body).json()["top"]
            assert [one["probability"] for one in told] == sorted(expected.tolist(), reverse=True)
        refused = service.post("/predict", SAMPLES[0])
        assert refused.status_code == 422
        assert "full-scale 65535" in refused.json()["detail"]


def test_in_parallel_maps_are_the_same(service: Served) -> None:
    asked = [(file, method) for file in SAMPLES for method in METHODS]

    def png(one: tuple[Path, str]) -> bytes:
        answer = service.post("/explain.png", one[0], method=one[1])
        assert answer.status_code == 200, answer.text
        return answer.content

    alone = [png(one) for one in asked]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(png, asked)) == alone


def test_it_counts_what_was_asked(explainer: Explainer) -> None:
    with served(Settings(bundle=str(INSPECTOR), methods=METHODS, threads=1)) as service:
        for file in SAMPLES[:3]:
            service.post("/predict", file)
        service.post("/explain", SAMPLES[0], method="score-cam")
        service.post("/explain.png", SAMPLES[0], method=METHODS[0])
        service.post("/explain", SAMPLES[0], target="nothing")
        service.post("/explain", b"nothing")
        service.client.get("/nowhere/1")
        service.client.get("/nowhere/2")
        found = service.counters()
    label = explainer.predict(SAMPLES[0]).predicted.label
    live = explainer.explain(SAMPLES[0], "score-cam")
    requests = {key[1:]: value for key, value in found.items() if key[0].endswith("requests_total")}
    ready = requests.pop(("route=/health/ready", "status=200"))
    assert ready >= 1
    requests.pop(("route=/health/ready", "status=503"), None)
    assert requests == {
        ("route=/predict", "status=200"): 3,
        ("route=/explain", "status=200"): 1,
        ("route=/explain.png", "status=200"): 1,
        ("route=/explain", "status=422"): 2,
        ("route=none", "status=404"): 2,
    }
    parts = {key[1:]: value for key, value in found.items() if key[0].endswith("parts_total")}
    assert sum(parts.values()) == 5
    assert parts["predicted=" + label, "route=/explain"] == 2
    stages = {
        key[1]: value for key, value in found.items() if key[0].endswith("stage_seconds_count")
    }
    assert stages == {
        "stage=wait": 5,
        "stage=read": 5,
        "stage=network": 5,
        "stage=method": 2,
        "stage=draw": 2,
    }
    assert found["camservice_perturbed_copies_total",] == _copies(explainer, "score-cam") + _copies(
        explainer, METHODS[0]
    )
    (bundle,) = (key for key in found if key[0] == "camservice_bundle_info")
    assert f"digest={explainer.bundle.manifest.digest}" in bundle
    assert f"weights={live.provenance.weights}" in bundle
    for now in ("uploading", "waiting", "computing"):
        assert found[f"camservice_{now}",] == 0


def _copies(explainer: Explainer, method: str) -> int:
    told = [0]
    explainer.explain(SAMPLES[0], method, progress=lambda done, _: told.append(done))
    return told[-1]
