from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def in_tests(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make `networks` importable, as a user's own module in the current directory is."""
    monkeypatch.chdir(HERE)
    before = list(sys.path)
    yield
    sys.path[:] = before
