"""Guards: no training framework in camruntime, a fast import, and few public names."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import pytest

import camruntime

FORBIDDEN = ("torch", "torchvision", "timm", "onnx", "matplotlib", "camexport")


def _fresh(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_loads_no_framework() -> None:
    loaded = json.loads(_fresh("import sys, json, camruntime; print(json.dumps([*sys.modules]))"))
    roots = {name.partition(".")[0] for name in loaded}
    assert "camruntime" in roots
    assert roots.isdisjoint(FORBIDDEN)
    assert "onnxruntime" not in roots, "ONNX Runtime is imported with load, not before"
    assert "cv2" not in roots, "OpenCV is imported with what needs it: it may be missing"


def test_every_module_imports_where_the_frameworks_are_missing() -> None:
    code = f"""
import importlib, pkgutil, sys
for name in {FORBIDDEN!r}:
    sys.modules[name] = None
import camruntime
names = [m.name for m in pkgutil.walk_packages(camruntime.__path__, "camruntime.")]
names = [name for name in names if not name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""
    assert int(_fresh(code)) > 15


def test_missing_onnxruntime_names_both_extras() -> None:
    code = """
import sys
sys.modules["onnxruntime"] = None
import camruntime
try:
    camruntime.load("anywhere")
except camruntime.CamError as error:
    print(type(error).__name__, error)
"""
    said = _fresh(code)
    assert said.startswith("MissingDependencyError")
    assert "camexport[gpu]" in said
    assert "camexport[cpu]" in said


def test_public_names_are_those_listed() -> None:
    assert set(camruntime.__all__) == {
        "METHODS",
        "Box",
        "Bundle",
        "CamError",
        "Contrast",
        "Drift",
        "Explainer",
        "Explanation",
        "Pixels",
        "Policy",
        "ReciproCAM",
        "ScoreCAM",
        "load",
        "open_bundle",
    }
    for name in camruntime.__all__:
        assert hasattr(camruntime, name)


def test_dir_shows_what_there_is() -> None:
    shown = json.loads(_fresh("import json, camruntime; print(json.dumps(dir(camruntime)))"))
    assert {*camruntime.__all__, "__version__", "methods", "errors", "evaluation"} <= set(shown)
    assert not {"_opencv", "_specs"} & set(shown)
    code = "import camruntime\nfor name in dir(camruntime): getattr(camruntime, name)"
    _fresh(code)


def test_packages_are_attributes_after_a_bare_import() -> None:
    code = """
import camruntime
print(camruntime.methods.GradCAM.__name__, camruntime.errors.Cancelled.__name__)
print(callable(camruntime.evaluation.read_results))
"""
    assert _fresh(code).split() == ["GradCAM", "Cancelled", "True"]


def test_every_method_is_exported_by_methods() -> None:
    for kind in (*camruntime.METHODS.values(), *camruntime.methods.BASELINES.values()):
        assert getattr(camruntime.methods, kind.__name__) is kind
        assert kind.__name__ in camruntime.methods.__all__


def test_a_method_that_is_guessed_here_says_where_it_is() -> None:
    for name, said in (
        ("GradCAM", "module 'camruntime' has no attribute 'GradCAM': write camruntime.methods.Gr"),
        ("NoCAM", "module 'camruntime' has no attribute 'NoCAM'$"),
        ("loda", "module 'camruntime' has no attribute 'loda'$"),
        ("_opencv2", "no attribute '_opencv2'$"),
    ):
        with pytest.raises(AttributeError, match=said):
            getattr(camruntime, name)


def test_version_is_the_distributions(monkeypatch: pytest.MonkeyPatch) -> None:
    assert camruntime.__version__ == version("camexport")

    def none(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("camruntime._version.installed", none)
    assert camruntime.__version__ == "0+unknown"
