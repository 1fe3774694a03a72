"""What the service refuses, in which words, and what it no longer computes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

import camruntime
from camruntime import CamError, Explanation
from manifests import edit_manifest, setting
from served import INSPECTOR, SAMPLES, Served, served, until
from service import create_app, main
from service_settings import Settings, from_environment
from service_work import Work

PICTURE = SAMPLES[0].read_bytes()
HEAD = "POST /explain?method=score-cam HTTP/1.1\nHost: x\nContent-Type: image/png\n"
SMALL = Settings(
    bundle=str(INSPECTOR),
    computing=1,
    waiting=1,
    uploads=2,
    megabytes=0.1,
    megapixels=0.1,
    upload_seconds=0.5,
    threads=1,
)


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    with served(SMALL) as one:
        yield one


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Explanations begin when it is set."""
    opened, plain = threading.Event(), Work.explain

    def explain(self: Work, *arguments: object) -> Explanation:
        assert opened.wait(20)
        return plain(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Work, "explain", explain)
    yield opened
    opened.set()


def _answer(connection: socket.socket) -> tuple[int, str]:
    """Status and body of the next answer on a connection, which stays open."""
    with connection.makefile("rb") as file:
        status = int(file.readline().split()[1])
        lines = iter(file.readline, b"\r\n")
        headers = dict(line.decode().lower().split(": ") for line in lines)
        return status, file.read(int(headers["content-length"])).decode()


def _problem(answer: httpx.Response, status: int, error: str) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (answer.status_code, told["status"], told["error"]) == (status, status, error)
    detail: str = told["detail"]
    assert len(detail.splitlines()) == 1
    assert "camservice" not in detail
    assert not re.search(r"(?:^|\s|')/", detail)
    return detail


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"method": "grad-cam"}, "method: "),
        ({"method": "feature-cam:edges=/etc/passwd"}, "method: "),
        ({"method": "recipro-cam:mask=gaussian"}, "method: "),
        ({"budget_ms": "nan"}, "finite"),
        ({"budget_ms": "inf"}, "finite"),
        ({"budget_ms": "0"}, "greater than 0"),
        ({"budget_ms": "10001"}, "less than or equal to 10000"),
        ({"budgetms": "5"}, "budgetms: "),
        ({"target": ""}, "target: "),
        ({"target": "x" * 201}, "target: "),
    ],
)
def test_parameters_are_refused(query: dict[str, str], said: str, service: Served) -> None:
    told = service.post("/explain", SAMPLES[0], **query).json()
    assert (told["status"], told["error"]) == (422, "Parameter")
    assert said in told["detail"]


def test_a_parameter_is_given_once(service: Served) -> None:
    answer = service.client.post("/explain?target=good&target=hole", content=PICTURE)
    assert "once" in _problem(answer, 422, "Parameter")


@pytest.mark.parametrize(
    "target", ["nothing", "\0", "\ud7ff\u202e\n", "99", "1" * 19, "good-good", "not not good"]
)
def test_classes_are_refused_in_a_line(target: str, service: Served) -> None:
    _problem(service.post("/explain", target=target), 422, "TargetError")


def _png(height: int, width: int) -> bytes:
    return cv2.imencode(".png", np.zeros((height, width), np.uint8))[1].tobytes()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not a picture"),
        (PICTURE[:100], "not a picture"),
        (b"PK\3\4" + bytes(100), "not a picture"),
        (b"\x93NUMPY" + bytes(100), "not a picture"),
        (_png(1000, 1000), "at most 0.1 megapixels, got 1000 x 1000"),
        (cv2.imencode(".png", np.zeros((9, 9), np.uint16))[1].tobytes(), "uint16"),
        (cv2.imencodemulti(".tiff", [np.zeros((9, 9), np.uint8)] * 2)[1].tobytes(), "several"),
    ],
    ids=["empty", "cut", "zip", "npy", "large", "16-bit", "pages"],
)
def test_what_is_no_picture_is_refused(body: bytes, said: str, service: Served) -> None:
    for route in ("/predict", "/explain", "/explain.png"):
        assert said in _problem(service.post(route, body), 422, "ImageError")


def test_a_body_says_that_it_is_a_picture(service: Served) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "image/*", ""):
        answer = service.client.post("/predict", content=PICTURE, headers={"content-type": kind})
        assert "image/png" in _problem(answer, 415, "UnsupportedType")
    known = {"content-type": "IMAGE/PNG; q=1"}
    assert service.client.post("/predict", content=PICTURE, headers=known).status_code == 200
    assert service.client.post("/predict", content=PICTURE).status_code == 200  # says nothing


def test_a_large_body_is_refused_before_it_came(service: Served) -> None:
    for length in ("100001", "9" * 18):
        with service.raw(f"{HEAD}Content-Length: {length}") as connection:
            status, text = _answer(connection)
            assert status == 413
            assert "at most 100000 bytes" in text


def test_a_large_body_of_unknown_length_is_refused_on_the_way(service: Served) -> None:
    """The rest of it is dropped, and the next request on the connection is one."""
    part = b"8000\r\n" + bytes(0x8000) + b"\r\n"
    with service.raw(f"{HEAD}Transfer-Encoding: chunked", 4 * part) as connection:
        status, text = _answer(connection)
        assert status == 413
        assert "TooLarge" in text
        connection.sendall(40 * part + b"0\r\n\r\n")
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert _answer(connection) == (200, '{"status":"live"}')


def test_a_slow_body_is_refused_and_so_are_more_of_them(service: Served) -> None:
    slow = [service.raw(f"{HEAD}Content-Length: 100", b"x") for _ in range(2)]
    until(lambda: service.count("uploading") == 2)
    detail = _problem(service.post("/predict"), 503, "Busy")
    assert detail == "2 pictures are coming in already: try again"
    assert [_answer(one)[0] for one in slow] == [408, 408]
    assert [one.recv(1) for one in slow] == [b"", b""]
    for one in slow:
        one.close()
    assert service.post("/predict").status_code == 200


def test_one_more_than_may_wait_is_refused_at_once(service: Served, gate: threading.Event) -> None:
    with ThreadPoolExecutor(2) as pool:
        inside = [pool.submit(service.post, "/explain", SAMPLES[one]) for one in (0, 4)]
        until(lambda: (service.count("computing"), service.count("waiting")) == (1, 1))
        for route in ("/explain", "/explain.png", "/predict"):
            refused = service.post(route)
            detail = _problem(refused, 503, "Busy")
            assert detail == "2 pictures are waiting or at work already: try again"
            assert refused.headers["retry-after"] == "1"
        assert service.client.get("/health/ready").status_code == 200
        gate.set()
        explainer = camruntime.load(INSPECTOR, threads=1)
        for one, answer in zip((0, 4), inside, strict=True):
            told, found = answer.result().json(), explainer.predict(SAMPLES[one])
            assert told["predicted"] == vars(found.predicted)
        assert max(answer.result().json()["waited_ms"] for answer in inside) > 10


def test_a_budget_ends_in_the_queue(service: Served, gate: threading.Event) -> None:
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(service.post, "/explain")
        until(lambda: service.count("computing") == 1)
        late = service.post("/explain", budget_ms="50")
        assert _problem(late, 503, "Busy").startswith("no turn came within 50 ms")
        assert service.count("waiting") == 0
        gate.set()
        assert first.result().status_code == 200


def test_a_budget_that_nothing_fits(service: Served) -> None:
    answer = service.post("/explain", method="score-cam", budget_ms="20")
    assert "no map within" in _problem(answer, 503, "BudgetError")


def test_who_leaves_while_waiting_frees_the_place(service: Served, gate: threading.Event) -> None:
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(service.post, "/explain")
        until(lambda: service.count("computing") == 1)
        left = service.raw(f"{HEAD}Content-Length: {len(PICTURE)}", PICTURE)
        until(lambda: service.count("waiting") == 1)
        left.close()
        until(lambda: service.count("waiting") == 0)
        assert not first.done()
        gate.set()
        assert first.result().status_code == 200


def test_who_leaves_ends_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Work._copies

    def slowly(self: Work) -> Callable[[int, int], None]:
        count = plain(self)

        def progress(done: int, of_all: int) -> None:
            count(done, of_all)
            time.sleep(0.2)

        return progress

    explainer = camruntime.load(INSPECTOR, threads=1)
    told: list[int] = []
    explainer.explain(SAMPLES[0], "score-cam", progress=lambda done, _: told.append(done))
    with served(SMALL) as service:
        with monkeypatch.context() as patched:
            patched.setattr(Work, "_copies", slowly)
            leaves = service.raw(f"{HEAD}Content-Length: {len(PICTURE)}", PICTURE)
            until(lambda: service.count("perturbed_copies_total") >= told[0])
            leaves.close()
            until(lambda: service.count("computing") == 0)
        assert told[0] <= service.count("perturbed_copies_total") <= told[2] < told[-1]
        assert service.count("requests_total", "route=/explain", "status=499") == 1
        before = service.count("perturbed_copies_total")
        assert service.post("/explain", method="score-cam").status_code == 200
        assert service.count("perturbed_copies_total") - before == told[-1]


def test_a_mistake_of_the_service_is_not_told(
    service: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Explanation:
        raise RuntimeError("/secret/path")

    with monkeypatch.context() as patched:
        patched.setattr(Work, "explain", broken)
        before = service.count("requests_total", "route=/explain", "status=500")
        _problem(service.post("/explain"), 500, "Internal")
        assert service.count("requests_total", "route=/explain", "status=500") == before + 1
    with monkeypatch.context() as patched:
        patched.setattr(camruntime.Explainer, "predict", _bundle_error)
        _problem(service.post("/predict"), 500, "BundleError")


def _bundle_error(*_: object, **__: object) -> None:
    raise camruntime.errors.BundleError("/secret/path changed")


def test_until_it_is_warm_it_lives_and_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    warm, plain = threading.Event(), Work.prepare

    def prepare(self: Work) -> None:
        assert warm.wait(20)
        plain(self)

    monkeypatch.setattr(Work, "prepare", prepare)
    with served(SMALL, ready=False) as service:
        assert service.client.get("/health/live").json() == {"status": "live"}
        detail = _problem(service.client.get("/health/ready"), 503, "NotReady")
        assert detail == "the service is still warming up"
        assert _problem(service.post("/predict"), 503, "NotReady") == detail
        warm.set()
        until(lambda: service.client.get("/health/ready").status_code == 200)
        assert service.post("/predict").status_code == 200


def test_a_contrast_that_a_method_has_not() -> None:
    with served(replace(SMALL, methods=("cam",))) as service:
        assert service.post("/explain", target="scratch-good").status_code == 200
        answer = service.post("/explain", target="not good")
        assert "cam is defined only where" in _problem(answer, 422, "MethodError")


def test_a_method_that_no_time_is_enough_for_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with served(replace(SMALL, methods=("score-cam", "recipro-cam"), seconds=0.02)):
        pass
    assert re.search(r"score-cam takes \d+ ms, more than the 0.02 s", caplog.text)


def test_a_warm_up_that_fails_is_told_to_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(camruntime.Explainer, "warm_up", _bundle_error)
    with served(SMALL, ready=False) as service:
        until(lambda: "could not" in service.client.get("/health/ready").json()["detail"])
        _problem(service.post("/predict"), 503, "NotReady")
    assert "not ready: /secret/path changed" in caplog.text


def test_no_other_ways_in(service: Served) -> None:
    for path in ("/docs", "/redoc", "/predict/", "/reload", "/..%2f..%2fetc/passwd"):
        _problem(service.client.get(path), 404, "Http")
    _problem(service.client.get("/predict"), 405, "Http")
    asked = {"Origin": "http://elsewhere.example", "Access-Control-Request-Method": "POST"}
    found = service.client.options("/predict", headers=asked)
    assert not [name for name in found.headers if name.startswith("access-control")]


@contextmanager
def _program(bundle: Path) -> Iterator[tuple[subprocess.Popen[str], Served]]:
    """`examples/service.py` in a process of its own, ready."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    script = Path(__file__).parents[2] / "examples" / "service.py"
    command = [sys.executable, str(script), str(bundle), "--port", str(port)]
    threads = os.environ | {"CAMSERVICE_THREADS": "1"}
    with (
        subprocess.Popen(command, env=threads, stderr=subprocess.PIPE, text=True) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client,
    ):

        def answers() -> bool:
            try:
                return client.get("/health/ready").status_code == 200
            except httpx.ConnectError:
                return False

        try:
            until(answers)
            yield process, Served(port, client)
        finally:
            process.kill()


def test_as_a_program_it_reloads_and_ends(tmp_path: Path) -> None:
    """SIGHUP: first to something that is broken, then to another bundle; SIGTERM."""
    place, other = tmp_path / "line", tmp_path / "other"
    for folder in (place, other):
        shutil.copytree(INSPECTOR, folder)
    edit_manifest(other, setting("labels", 0, to="fine"))
    with _program(place) as (process, one):
        first = one.post("/predict").json()["provenance"]
        manifest = (place / "bundle.json").read_bytes()
        (place / "bundle.json").write_bytes(manifest[:-10])
        process.send_signal(signal.SIGHUP)
        until(lambda: one.count("reloads_total", "result=failed") == 1)
        assert one.post("/predict").json()["provenance"] == first
        shutil.rmtree(place)
        other.rename(place)
        process.send_signal(signal.SIGHUP)
        until(lambda: one.count("reloads_total", "result=done") == 1)
        second = one.post("/predict").json()["provenance"]
        assert second["bundle"] == camruntime.load(place).bundle.manifest.digest
        assert second["bundle"] != first["bundle"]
        assert second["weights"] == first["weights"]
        assert one.client.get("/health/ready").json()["bundle"] == second["bundle"]
        process.terminate()
        said = process.communicate(timeout=20)[1]
    assert process.returncode in (0, -signal.SIGTERM)
    assert "the old bundle stays in use" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "CAMSERVICE_BUNDLE is not set"),
        ({"CAMSERVICE_WAITNG": "3"}, "there is no CAMSERVICE_WAITNG"),
        ({"CAMSERVICE_COMPUTING": "two"}, "CAMSERVICE_COMPUTING is a number, got 'two'"),
        ({"CAMSERVICE_COMPUTING": "0"}, "computing is a number above 0, got 0"),
        ({"CAMSERVICE_SECONDS": "nan"}, "seconds is a number above 0, got nan"),
        ({"CAMSERVICE_METHODS": "cam,cam"}, "each once"),
        ({"CAMSERVICE_METHODS": "recipro-cam,no-cam"}, "no-cam"),
        ({"CAMSERVICE_METHODS": "auto"}, "auto"),
        ({"CAMSERVICE_BUNDLE": "nowhere"}, "nowhere"),
        ({"CAMSERVICE_CALIBRATION": "nowhere"}, "nowhere"),
        ({"CAMSERVICE_MEGAPIXELS": "1e9"}, "max_megapixels"),
    ],
)
def test_settings_that_do_not_do(variables: dict[str, str], said: str) -> None:
    given = {"CAMSERVICE_BUNDLE": str(INSPECTOR)} | variables if variables else {}
    with pytest.raises(CamError, match=said) as found:
        create_app(from_environment(given))
    assert len(str(found.value).splitlines()) == 1


def test_labels_that_no_answer_can_hold(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(INSPECTOR, bundle)
    edit_manifest(bundle, setting("labels", 2, to="\ud800"))
    with pytest.raises(CamError, match="UTF-8"):
        create_app(replace(SMALL, bundle=str(bundle)))


def test_settings_from_the_environment() -> None:
    given = {
        "PATH": "/bin",
        "CAMSERVICE_BUNDLE": "b",
        "CAMSERVICE_METHODS": "score-cam:preset=official, cam",
        "CAMSERVICE_WAITING": "0",
        "CAMSERVICE_SECONDS": "2.5",
        "CAMSERVICE_THREADS": "1",
    }
    assert from_environment(given) == Settings(
        bundle="b",
        methods=("score-cam:preset=official", "cam"),
        waiting=0,
        seconds=2.5,
        threads=1,
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", ""], "--host: expected a name or address, got an empty text"),
        (["--port", "65536"], "--port: expected 0 to 65535, got 65536"),
        (["--port", "-1"], "--port: expected 0 to 65535, got -1"),
    ],
)
def test_where_nothing_can_be_served(
    options: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An empty host, of a variable that is not set, would be every network of the machine."""
    monkeypatch.setattr("service.uvicorn.run", lambda *_, **__: None)
    with pytest.raises(SystemExit) as ended:
        main([str(INSPECTOR), *options])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(f"error: {said}\n")
