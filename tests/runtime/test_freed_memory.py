"""Memory that one picture freed is there for the next: pages that are asked for are counted."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import resource, sys
import numpy as np
from camruntime._freed_memory import keep_freed_memory
from camruntime.bundle import Input
from camruntime.pictures import prepare

third = (0.5, 0.5, 0.5)
spec = Input(
    size=(224, 224), colour="RGB", resize="centre-crop", shorter_side=256, mean=third, std=third
)
photo = np.zeros((224, 224, 3), np.uint8)

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        prepare(photo, spec)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 50

if sys.argv[1] == "kept":
    keep_freed_memory()
faults()
print(faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only there does the C library give pages back")
def test_pages_are_kept() -> None:
    """Without, there are 237 for each picture with GNU's C library of 2022."""
    command = [sys.executable, "-c", CODE, "kept"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 5
