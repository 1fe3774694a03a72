"""What went wrong in readers, of which `benchmarks/fuzz.py` makes more, and a few changes of it.

Whatever a target lets through is no error of our tree.
"""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from fuzz import CORPUS, changed
from fuzz_targets import TARGETS

from camruntime.errors import CamError


def test_every_target_has_seeds() -> None:
    assert {one.name for one in CORPUS.iterdir()} == set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_changes_of_them(name: str) -> None:
    seeds = [file.read_bytes() for file in sorted((CORPUS / name).iterdir())]
    rng = random.Random(0)
    for data in [*seeds, *(changed(seeds, rng) for _ in range(200))]:
        with suppress(CamError):
            TARGETS[name](data)
