"""In a fork of the process that opened a device nobody waits forever."""

from __future__ import annotations

import multiprocessing
from multiprocessing.queues import SimpleQueue

import pytest

import camruntime
from camruntime.bundle import Bundle
from camruntime.errors import ProviderError
from camruntime.pictures import Picture
from explainers import Explainers


def _ask(answers: SimpleQueue[str], made: list[camruntime.Explainer], picture: Picture) -> None:
    try:
        made[0].explain(picture)
    except ProviderError as error:
        answers.put(str(error))
    made.clear()  # frees no session
    answers.put("done")


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system does not fork"
)
def test_a_fork_says_what_to_do(inspector: Bundle, defect: Picture, explainer: Explainers) -> None:
    forks = multiprocessing.get_context("fork")
    made = [explainer(inspector)]
    made[0].explain(defect)
    answers: SimpleQueue[str] = forks.SimpleQueue()
    process = forks.Process(target=_ask, args=(answers, made, defect))
    process.start()
    process.join(30)
    waits = process.is_alive()
    process.kill()
    assert not waits
    assert "opened before this process was forked" in answers.get()
    assert answers.get() == "done"
