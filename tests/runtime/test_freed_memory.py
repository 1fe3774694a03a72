"""Memory that was freed is there for what comes next: pages that are asked for are counted."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import resource, sys
import numpy as np
from camruntime._freed_memory import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()
np.ones(3 * 2**20, np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(3 * 2**20, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only there does the C library give pages back")
def test_pages_are_kept() -> None:
    """3 MiB are 768 pages; left alone, GNU's C library gives them back and asks for them again."""
    kept, left_alone = (
        int(subprocess.run([sys.executable, "-c", CODE, how], stdout=-1, check=True).stdout)
        for how in ("kept", "left alone")
    )
    assert kept < 50
    assert kept < left_alone
