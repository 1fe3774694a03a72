"""Where OpenCV cannot be imported: one line, which says what is missing and what to install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from camruntime import _opencv

NO_FILE = "cannot open shared object file: No such file or directory"
BOTH = "opencv-python opencv-python-headless"
HIDE = """
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$2"
rm "$2/libGL.so.1"
shift 2
exec "$@"
"""


def _run(*command: object, before: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter; modules in `before` come before those that are installed."""
    paths = [str(before)] if before else []
    paths += [path for path in (os.environ.get("PYTHONPATH"),) if path]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, check=False, env=variables)


def _opencv_that_says(words: str, folder: Path) -> Path:
    """Where an OpenCV lies whose import fails as the real one's does."""
    (folder / "cv2").mkdir()
    (folder / "cv2" / "__init__.py").write_text(f"raise ImportError({words!r}, name='cv2')\n")
    return folder


@pytest.mark.parametrize("library", ["libGL.so.1", "libgthread-2.0.so.0", "libxcb.so.1"])
def test_a_missing_library_is_one_line(
    library: str, inspector: Path, samples: list[Path], tmp_path: Path
) -> None:
    stub = _opencv_that_says(f"{library}: {NO_FILE}", tmp_path)
    arguments = ("explain", inspector, samples[0], "--out", tmp_path / "out")
    done = _run(sys.executable, "-m", "camruntime", *arguments, before=stub)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: OpenCV did not load ({library}: {NO_FILE}): `apt-get ")
    assert done.stderr.count("\n") == 1
    assert "`apt-get install libgl1 libglib2.0-0`" in done.stderr
    assert "pip install opencv-python-headless`" in done.stderr
    assert not (tmp_path / "out").exists()


def test_traceback_shows_where(tmp_path: Path) -> None:
    stub = _opencv_that_says(f"libGL.so.1: {NO_FILE}", tmp_path)
    done = _run(sys.executable, "-m", "camruntime", "methods", "--traceback", before=stub)
    assert done.returncode == 1
    assert "\nImportError: libGL.so.1" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: OpenCV did not load")


def test_python_gets_it_with_what_needs_opencv(inspector: Path, tmp_path: Path) -> None:
    """And again, whatever OpenCV's own loader says the second time; bundles open without."""
    code = f"""
import camruntime
print(camruntime.open_bundle({str(inspector)!r}).manifest.model, bool(camruntime.__version__))
for _ in range(2):
    try:
        camruntime.load({str(inspector)!r})
    except camruntime.CamError as error:
        print(type(error).__name__, error)
"""
    stub = _opencv_that_says(f"libGL.so.1: {NO_FILE}", tmp_path)
    done = _run(sys.executable, "-c", code, before=stub)
    opened, *said = done.stdout.splitlines()
    assert opened == "inspector True", done.stderr
    assert len(said) == 2
    assert said[0] == said[1]
    assert said[0].startswith("MissingDependencyError OpenCV did not load (libGL.so.1: ")


@pytest.mark.parametrize(
    ("cv2", "said"),
    [
        ("None", "OpenCV "),  # as if it were not installed
        ("types.ModuleType('cv2')", "OpenCV did not load (its folder cv2 is empty): "),
    ],
)
def test_no_opencv_and_what_is_left_of_one(cv2: str, said: str) -> None:
    code = f"""
import sys, types
sys.modules["cv2"] = {cv2}
sys.argv = ["camruntime", "methods"]
from camruntime.cli import main
main()
"""
    done = _run(sys.executable, "-c", code)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {said}")
    assert done.stderr.count("\n") == 1
    assert "pip install opencv-python`, or " in done.stderr


@pytest.mark.parametrize(
    ("error", "there", "said"),
    [
        (
            ImportError(f"libGL.so.1: {NO_FILE}"),
            "opencv-python",
            "`pip uninstall -y opencv-python && pip install opencv-python-headless`",
        ),
        (
            ImportError("libgthread-2.0.so.0: file too short"),
            BOTH,
            f"`pip uninstall -y {BOTH} && pip install opencv-python-headless`",
        ),
        (ImportError(f"libGL.so.1: {NO_FILE}"), "", "`pip install opencv-python-headless`"),
        (
            ModuleNotFoundError("No module named 'cv2'"),
            "",
            "OpenCV is not installed: `pip install opencv-python`, or `pip install "
            "opencv-python-headless` where",
        ),
        (  # pip removed the other one
            ModuleNotFoundError("No module named 'cv2'"),
            "opencv-python-headless",
            "`pip uninstall -y opencv-python-headless && pip install opencv-python`, or opencv-",
        ),
        (
            AttributeError("module 'cv2.dnn' has no attribute 'DictValue'"),  # two versions at once
            BOTH,
            f"no attribute 'DictValue'): where files of it are missing, as after one of two "
            f"packages of it was removed, install it anew: `pip uninstall -y {BOTH} && pip install "
            "opencv-python`, or ",
        ),
        (ImportError("libz.so.1: " + NO_FILE), "", f"OpenCV did not load (libz.so.1: {NO_FILE}): "),
        (None, "", "(its folder cv2 is empty)"),
    ],
)
def test_what_to_do_by_what_is_there(
    error: Exception | None, there: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_opencv, "_is_installed", there.split().__contains__)
    line = _opencv._remedy(error)
    assert said in line
    assert "\n" not in line
    graphical = str(error).startswith(("libGL", "libgthread"))
    assert ("apt-get" in line) is graphical


def test_without_libgl_in_fact(inspector: Path, samples: list[Path], tmp_path: Path) -> None:
    """What is installed, with the library hidden from it: with windows the line, else a map."""
    hidden = _hide_libgl(tmp_path)
    done = _run(
        *hidden, sys.executable, "-m", "camruntime", "explain", inspector, samples[0],
        "--provider", "cpu", "--out", tmp_path / "out",
    )  # fmt: skip
    if _has_windows():
        assert done.returncode == 1
        assert done.stderr.startswith("error: OpenCV did not load (lib"), done.stderr
        assert done.stderr.count("\n") == 1
        assert "`apt-get install libgl1 libglib2.0-0`" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "out" / "crack-1.recipro-cam.png").exists()


def _hide_libgl(folder: Path) -> list[str]:
    """What a command begins with, so that it sees no libGL: mounts of its own."""
    if not sys.platform.startswith("linux") or not shutil.which("ldconfig"):
        pytest.skip("libGL is hidden by mounts of Linux")
    known = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    places = [line.split(" => ")[1] for line in known.splitlines() if "libGL.so.1 " in line]
    if not places:
        return []
    scratch = folder / "mounts"
    scratch.mkdir()
    hide = ["unshare", "--mount", "sh", "-c", HIDE, "sh", str(scratch)]
    hide.append(str(Path(places[0]).parent.resolve()))
    tried = subprocess.run([*hide, "true"], capture_output=True, text=True, check=False)
    if tried.returncode or len(places) > 1:
        pytest.skip(f"libGL cannot be hidden here: {tried.stderr.strip() or places}")
    return hide


def _has_windows() -> bool:
    """Whether the OpenCV that is installed needs libGL."""
    found = find_spec("cv2")
    assert found is not None
    (binary,) = Path(str(found.origin)).parent.glob("cv2*.so")
    needs = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=True)
    return "libGL.so.1" in needs.stdout
