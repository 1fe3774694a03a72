"""Memory that one picture freed is there for the next: pages that are asked for are counted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import resource, sys
import numpy as np
from camruntime.explainer import load
from camruntime.pictures import prepare
import camruntime._freed_memory as freed

def faults(photo, spec):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        prepare(photo, spec)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 50

if sys.argv[2] == "without":
    import camruntime.explainer
    camruntime.explainer.keep_freed_memory = lambda: None
spec = load(sys.argv[1], ["cpu"]).bundle.manifest.input
photo = np.zeros((640, 640, 3), np.uint8)
faults(photo, spec)
print(faults(photo, spec))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only there does the C library give pages back")
def test_pages_are_kept(inspector: Path) -> None:
    command = [sys.executable, "-c", CODE, str(inspector), "with"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 5
