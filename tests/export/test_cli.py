"""The command line, run as a user would: as a program where it matters, else in this process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from camexport import cli
from camexport.inspector import LABELS
from camexport.inspector.surfaces import draw_many
from camruntime.bundle import SCHEMA_VERSION
from camruntime.pictures import encode_png

HERE = Path(__file__).parent
Done = subprocess.CompletedProcess[str]
Inside = Callable[..., Done]


@pytest.fixture
def inside(
    in_tests: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Inside]:
    """Runs the program's `main` here: a process of its own takes seconds to import PyTorch."""
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["camexport", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return Done(sys.argv, int(ended.value.code or 0), *capsys.readouterr())

    before = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, before)


def _run(*arguments: object, code: str = "") -> Done:
    start = ["-c", code] if code else ["-m", "camexport"]
    command = [sys.executable, *start, *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "120"}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=HERE, env=environment
    )


def test_build_then_verify(tmp_path: Path) -> None:
    out = tmp_path / "plain"
    done = _run("build", "--model", "networks:plain", "--size", "32x48", "--out", out)
    assert done.returncode == 0, done.stderr
    for said in (
        str(out),
        "features (8, 16, 24) (chosen",
        "32x48 RGB, squash",
        "assumed  mean (0.485, 0.456, 0.406), std (0.229, 0.224, 0.225), colour RGB, resize squash",
    ):
        assert said in done.stdout
    last = done.stdout.splitlines()[-1]
    assert last.startswith("warning: ")
    assert "nobody said --mean, --std, --colour, --resize; --check FOLDER" in last
    assert "\x1b" not in done.stdout
    refused = _run("verify", out, "--provider", "cpu")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "say --trust" in refused.stderr
    verified = _run("verify", out, "--provider", "cpu", "--trust")
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.count("head+tail") == 3


def test_options_reach_the_bundle(inside: Inside, tmp_path: Path) -> None:
    out = tmp_path / "plain"
    done = inside(
        "build", "--model", "networks:plain", "--size", 32, "--mean", "0.1,0.2,0.3", "--std", 0.5,
        "--resize", "centre-crop", "--shorter-side", 40, "--layer", "features.0",
        "--colour", "rgb", "--full-scale", 255,
        "--no-gradient", "--out", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "32x32 RGB, centre-crop, mean (0.1, 0.2, 0.3), std (0.5, 0.5, 0.5)" in done.stdout
    assert "features.0 (8, 16, 16)\n" in done.stdout
    assert "left out (--no-gradient)" in done.stdout
    assert "assumed" not in done.stdout
    assert "warning" not in done.stdout
    assert '"shorter_side": 40' in (out / "bundle.json").read_text()


def test_a_check_prints_accuracy(inside: Inside, tmp_path: Path) -> None:
    for surface in draw_many(77, 6):
        folder = tmp_path / "data" / LABELS[surface.label].upper()
        folder.mkdir(parents=True, exist_ok=True)
        number = len(list(folder.iterdir()))
        (folder / f"{number}.png").write_bytes(encode_png(surface.image))
    (tmp_path / "data" / "GOOD" / "x.png").write_bytes(b"no picture")
    (tmp_path / "data" / "empty").mkdir()
    build = ("build", "--no-gradient", "--check", tmp_path / "data", "--out", tmp_path / "b")
    done = inside(*build, "--model", "inspector")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "left out: empty: no picture is in this folder itself" in lines
    assert any(line.startswith("left out: GOOD/x.png: ") for line in lines)
    assert "   checked on  6 pictures of 5 classes, data" in lines
    assert "     accuracy  100.0% (6) by ONNX Runtime, 100.0% (6) by PyTorch" in lines
    assert "  same answer  by both on 6 of 6" in lines
    assert any(line.startswith("     balanced  100.0% by ONNX Runtime") for line in lines)
    assert "│ GOOD    │ 2        │ 100.0%       │ 100.0%  │" in lines
    assert "warning" not in done.stdout
    grey = ("--mean", 0, "--std", 1, "--force", "--probabilities", "sigmoid")
    done = inside(*build, "--model", "inspector", *grey)
    assert done.returncode == 0, done.stderr
    assert "right, the mean over the classes, is no better than a guess" in done.stdout
    assert "counted  the strongest class alone" in done.stdout
    (tmp_path / "none" / "dent").mkdir(parents=True)
    done = inside("build", "--model", "inspector", "--check", tmp_path / "none")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_a_lower_precision_says_how_good_it_is(inside: Inside, tmp_path: Path) -> None:
    out = tmp_path / "half"
    model = ("--model", "networks:plain", "--size", 32)
    done = inside("build", *model, "--precision", "fp16", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "precision  fp16\n" in done.stdout
    assert "as in float32  recipro-cam correlates by " in done.stdout
    assert "same top cell on 100% of 8 images of noise" in done.stdout


def test_layers_marks_cuts_and_the_default(inside: Inside) -> None:
    done = inside("layers", "--model", "networks:plain", "--size", "32")
    assert done.returncode == 0, done.stderr
    rows = [line.split("│")[1:-1] for line in done.stdout.splitlines() if line.startswith("│")]
    table = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}
    assert table["features"] == ["Sequential", "8x16x16", "", "yes", "default"]
    assert table["features.1"] == ["BatchNorm2d", "8x16x16", "", "yes", ""]


OPTIONS = {
    "build": "--model --output --weights --layer --labels --out --calibrate --arg --size --mean "
    "--check --class-map",
    "layers": "--model --output --size --arg",
    "models": "--filter",
    "verify": "--weights --provider",
    "randomise": "--out --weights",
    "edges": "--weights --out",
}


@pytest.mark.parametrize("command", OPTIONS)
def test_an_empty_text_is_no_default(inside: Inside, tmp_path: Path, command: str) -> None:
    model = ("--model", "networks:plain", "--size", 32, "--out", tmp_path / "b")
    rest = model if command == "build" else ()
    for option in OPTIONS[command].split():
        for blank in ("", "  "):
            done = inside(command, *rest, option, blank)
            assert done.returncode == 1, (option, done.stdout)
            assert done.stderr.startswith(f"error: an empty text stands behind {option}: expected")
            assert len(done.stderr.splitlines()) == 1
        done = inside(command, *rest, f"{option}=")
        assert f"behind {option}:" in done.stderr
    done = inside(command, "")
    assert f"behind {command}: expected a value" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_argument_of_a_callable_may_be_empty(inside: Inside, tmp_path: Path) -> None:
    model = ("--model", "networks:sized", "--arg", "classes=3", "--arg", "name=")
    done = inside("build", *model, "--size", 32, "--no-gradient", "--out", tmp_path / "b")
    assert done.returncode == 0, done.stderr


def test_errors_are_one_line_and_status_one(inside: Inside, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "b")
    for arguments, said in (
        (("build", "--model", "vgg61", *out), "vgg19, vgg16"),
        (("build", "--model", "networks:plain", "--layer", "feature", *out), "did you mean feat"),
        (("build", "--model", "networks:plain", "--weights", "no.pth", *out), "no weights at no"),
        (("build", "--model", "networks:plain", "--precision", "int8", *out), "needs --calibrate"),
        (("build", "--model", "networks:plain", "--calibrate", ".", *out), "not with float32"),
        (("build", "--model", "networks:plain", "--mean", "1,2", *out), "one number or 3, one for"),
        (("verify", tmp_path), "is not a bundle"),
    ):
        done = inside(*arguments)
        assert done.returncode == 1, done.stdout
        assert done.stderr.startswith("error: ")
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
    for option, value in (
        ("--size", "big"),
        ("--mean", "grey"),
        ("--colour", "red"),
        ("--show-channels", "-1"),
        ("--resize", "stretch"),
        ("--precision", "half"),
    ):
        done = inside("build", "--model", "networks:plain", option, value, *out)
        assert done.returncode == 2
        assert value in done.stderr


@pytest.mark.parametrize("shown", [False, True])
def test_an_error_that_nobody_foresaw_is_one_line_too(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shown: bool
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("first line\nsecond line")

    monkeypatch.setattr("camexport.build.build_bundle", lambda _: fail())
    options = ("--traceback",) if shown else ()
    done = inside("build", "--model", "networks:plain", "--out", tmp_path / "b", *options)
    assert done.returncode == 70
    *above, last = done.stderr.splitlines()
    assert last.startswith("error: unexpected ZeroDivisionError: first line (")
    assert "--traceback" in last
    assert ("in fail" in "".join(above)) is shown
    assert bool(above) is shown


def test_without_the_export_extra_it_says_what_to_install() -> None:
    code = """
import sys, importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "torch" else find(name, *rest)
sys.argv = ["camexport", "layers", "--model", "resnet18"]
from camexport.cli import main
main()
"""
    done = _run(code=code)
    assert done.returncode == 1
    assert "error: building needs torch: `pip install 'camexport[export,cpu]'`" in done.stderr


def test_without_opencv_it_says_what_to_install(tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules["cv2"] = None
sys.argv = ["camexport", "build", "--model", "inspector", "--out", {str(tmp_path / "out")!r}]
from camexport.cli import main
main()
"""
    done = _run(code=code)
    assert done.returncode == 1
    assert done.stderr.startswith("error: OpenCV ")
    assert done.stderr.count("\n") == 1
    assert "pip install opencv-python`" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_terminated_build_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    command = [sys.executable, "-m", "camexport", "build", "--model", "networks:slow"]
    with subprocess.Popen([*command, "--out", str(out)], cwd=HERE) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / ".bundle.building").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert (tmp_path / ".bundle.building").exists()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
    assert list(tmp_path.iterdir()) == []


def test_version() -> None:
    said = _run("--version").stdout
    assert said == f"camexport {version('camexport')}, writes bundles of schema {SCHEMA_VERSION}\n"
