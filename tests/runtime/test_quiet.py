"""Silence while a provider is tried: of one thread, and never for good."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from camruntime.engine.session import quiet


def test_what_one_thread_prints_is_swallowed_and_what_others_print_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ThreadPoolExecutor(1) as pool, quiet():
        print("about libraries")
        with quiet():
            pool.submit(print, "an answer").result()
        print("about more of them")
    print("at the end")
    assert capsys.readouterr().out == "an answer\nat the end\n"


def test_threads_that_are_quiet_one_into_the_other_leave_the_output_as_it_was() -> None:
    """The first one to begin is the first to end: putting back what each found would lose it."""
    before, meet = sys.stdout, Barrier(2, timeout=10)

    def early() -> None:
        with quiet():
            meet.wait()
        meet.wait()

    def late() -> None:
        meet.wait()
        with quiet():
            meet.wait()

    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(early), pool.submit(late)]
        for job in jobs:
            job.result()
    assert sys.stdout is before
