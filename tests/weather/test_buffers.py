"""A camera's buffer is used again for the next frame: what was given is what is explained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import camruntime
from camruntime import Explainer, Pixels
from camruntime.errors import ImageError
from camruntime.pictures import read_picture

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    return camruntime.load(INSPECTOR, ["cpu"], threads=2)


@pytest.fixture(scope="module")
def frames() -> list[Any]:
    """Of one size, and of several classes."""
    read = [read_picture(path) for path in sorted((INSPECTOR / "samples").glob("*.png"))]
    return [np.asarray(cv2.resize(one, (160, 120)), np.uint8) for one in read]


def _given(kind: str, buffer: Any) -> Any:
    """The buffer as a caller may hand it over."""
    ways: dict[str, Callable[[], Any]] = {
        "array": lambda: buffer,
        "turned": lambda: buffer[::-1, ::-1],
        "read-only": lambda: np.broadcast_to(buffer, buffer.shape),
        "integers": lambda: Pixels(buffer, 255),
        "memory map": lambda: np.asarray(memoryview(buffer)),
        "grey": lambda: buffer[..., 0],
    }
    return ways[kind]()


@pytest.mark.parametrize("kind", ["array", "turned", "read-only", "integers", "memory map", "grey"])
def test_a_buffer_that_is_filled_again(explainer: Explainer, frames: list[Any], kind: str) -> None:
    wanted = [explainer.explain(_given(kind, one.copy()), "grad-cam") for one in frames]
    buffer = np.empty_like(frames[0])

    def camera() -> Iterator[Any]:
        for frame in frames * 3:
            buffer[:] = frame
            yield _given(kind, buffer)
        buffer[:] = 0

    for found, alone in zip(explainer.explain_each(camera(), "grad-cam"), wanted * 3, strict=True):
        assert found.predicted.index == alone.predicted.index
        np.testing.assert_array_equal(found.photo, alone.photo)
        np.testing.assert_allclose(found.raw, alone.raw, rtol=1e-4, atol=1e-6)


def test_floats_in_a_buffer(explainer: Explainer, frames: list[Any]) -> None:
    buffer = np.zeros(frames[0].shape, np.float32)
    pixels = Pixels(buffer, 1.0)  # made once, explained as often as it is filled

    def camera() -> Iterator[Pixels]:
        for frame in frames:
            buffer[:] = frame / np.float32(255)
            yield pixels

    found = [one.photo for one in explainer.explain_each(camera(), "grad-cam")]
    np.testing.assert_array_equal(found, frames)
    buffer[0, 0] = 1.5
    with pytest.raises(ImageError, match=r"got values from .* to 1\.5"):
        explainer.explain(pixels)


def test_a_single_explanation_keeps_its_photograph(explainer: Explainer, frames: list[Any]) -> None:
    buffer = frames[0].copy()
    found = explainer.explain(buffer)
    overlay = found.overlay()
    buffer[:] = frames[1]
    np.testing.assert_array_equal(found.photo, frames[0])
    np.testing.assert_array_equal(found.overlay(), overlay)
    assert not np.shares_memory(explainer.open(buffer).picture, buffer)


def test_results_share_no_memory_that_can_be_written(explainer: Explainer) -> None:
    several = explainer.explain(np.full((64, 64, 3), 90, np.uint8), "uniform", [0, 1])
    for one in several:
        with pytest.raises(ValueError, match="read-only"):
            one.photo[:] = 0
        one.overlay()[:] = 0  # what is drawn on is not the photograph
        assert (one.overlay() == 90).all()
        parts = [one.photo, one.raw, one.saliency, one.photo_saliency]
        for index, part in enumerate(parts):
            assert not any(np.shares_memory(part, other) for other in parts[index + 1 :])
    assert not np.shares_memory(several[0].raw, several[1].raw)


def test_targets_that_change_later(explainer: Explainer, frames: list[Any]) -> None:
    targets = [[one % 5] for one in range(len(frames))]
    made = explainer.explain_each(frames, "grad-cam", targets)
    for one in targets:
        one[0] = 4
    targets.clear()
    assert [answer.target.index for (answer,) in made] == [one % 5 for one in range(len(frames))]


def test_one_picture_is_not_taken_for_several(explainer: Explainer, frames: list[Any]) -> None:
    several: list[Any] = [frames[0], frames[0][..., 0], Pixels(frames[0], 255)]
    for one in several:
        with pytest.raises(ImageError, match="expected several images"):
            explainer.explain_each(one)
    stack = np.stack(frames[:3])
    assert len(list(explainer.explain_each(stack, "grad-cam"))) == 3
