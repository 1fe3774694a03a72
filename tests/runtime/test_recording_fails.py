"""What goes wrong while a run is recorded: it is computed plainly then, which the log says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import camruntime
from camruntime.bundle import open_bundle
from camruntime.engine import Engine, capture
from camruntime.engine.capture import Recorder
from camruntime.engine.kinds import KINDS
from camruntime.engine.turns import require_own_process
from camruntime.errors import ProviderError
from camruntime.provider_names import WEBGPU

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError(""), RuntimeError("a\nb")])
def test_an_error_without_words_is_said_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def refuse(*given: object) -> None:
        raise error

    monkeypatch.setattr(capture, "recorded", refuse)
    engine = Engine(open_bundle(INSPECTOR), ["cpu"])
    session = engine._sessions.of_graph("tail")
    inputs = {"activations": np.ones((1, 96, 16, 16), np.float32)}
    recorder = Recorder(("cpu", 0))
    with caplog.at_level("INFO", logger="camruntime"):
        for _ in range(3):
            (value,), kept = recorder.run("tail", session, inputs, ["logits"])
            assert (value.shape(), kept) == ([1, 5], False)
    words = str(error).split("\n")[-1] or type(error).__name__
    assert caplog.messages == [f"runs of graph 'tail' are not recorded: {words}"]


@pytest.mark.parametrize("value", [None, 1, 0, "no", [], np.ones(2)])
def test_capture_is_true_or_false(value: object) -> None:
    with pytest.raises(ProviderError, match="capture is True or False, got"):
        camruntime.load(INSPECTOR, ["cpu"], capture=value)  # type: ignore[arg-type]


def test_a_reload_stays_on_the_provider_that_opened() -> None:
    """Where nobody named one, CUDA may not open again: another would answer without a word."""
    explainer = camruntime.load(INSPECTOR)
    explainer.reload()
    assert explainer._engine._asked == [explainer.provider]


def test_a_device_is_of_one_process() -> None:
    with pytest.raises(ProviderError, match="webgpu was opened before this process was forked"):
        require_own_process(KINDS[WEBGPU], 1)
