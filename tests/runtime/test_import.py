"""Guards: no training framework in camruntime, a fast import, and few public names."""

from __future__ import annotations

import json
import subprocess
import sys

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
        "ReciproCAM",
        "ScoreCAM",
        "load",
        "open_bundle",
    }
    for name in camruntime.__all__:
        assert hasattr(camruntime, name)
