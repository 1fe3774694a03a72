"""One picture that cannot be explained among others that can: nothing of theirs is lost."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import camruntime
from camruntime import CamError, Explainer, Explanation
from camruntime.errors import ImageError, NonFiniteError, TargetError
from camruntime.pictures import read_picture

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"
SAMPLES = sorted((INSPECTOR / "samples").glob("*.png"))


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    return camruntime.load(INSPECTOR, ["cpu"], threads=2, chunk=3)


def test_errors_in_the_place_of_answers(explainer: Explainer, tmp_path: Path) -> None:
    bad = np.zeros((4, 4, 3), np.float32)
    images: list[Any] = [bad, *SAMPLES[:4], tmp_path, bad, *SAMPLES[4:], tmp_path / "no.png"]
    targets: list[Any] = [0] * len(images)
    targets[3] = "nothing of that kind"
    found = list(explainer.explain_each(images, "grad-cam", targets, errors="yield"))
    wrong = {index: type(one) for index, one in enumerate(found) if isinstance(one, CamError)}
    assert wrong == {0: ImageError, 3: TargetError, 5: ImageError, 6: ImageError, 13: ImageError}
    for image, one in zip(images, found, strict=True):
        if isinstance(one, Explanation):
            np.testing.assert_array_equal(one.photo, read_picture(image))
            alone = explainer.explain(image, "grad-cam", 0)
            np.testing.assert_allclose(one.raw, alone.raw, rtol=1e-4, atol=1e-6)


def test_several_methods_and_targets(explainer: Explainer, tmp_path: Path) -> None:
    images = [SAMPLES[0], tmp_path, SAMPLES[1]]
    first, wrong, last = explainer.explain_each(images, ["cam", "grad-cam"], errors="yield")
    assert isinstance(wrong, ImageError)
    assert isinstance(first, list)
    assert isinstance(last, list)
    assert [len(first), len(last)] == [2, 2]
    both, wrong, none = explainer.explain_each(images, "cam", [[0, 1], [0], []], errors="yield")
    assert isinstance(both, list)
    assert [one.target.index for one in both] == [0, 1]
    assert isinstance(wrong, ImageError)
    assert none == []


def test_an_answer_that_is_no_number(explainer: Explainer, monkeypatch: pytest.MonkeyPatch) -> None:
    from camruntime.engine import BatchGraphs

    plain, asked = BatchGraphs.finite, iter(range(100))

    def finite(self: BatchGraphs, forward: Any) -> Any:
        if next(asked) == 2:
            raise NonFiniteError("NaN")
        return plain(self, forward)

    monkeypatch.setattr(BatchGraphs, "finite", finite)
    found = list(explainer.explain_each(SAMPLES[:6], "grad-cam", errors="yield"))
    assert [isinstance(one, NonFiniteError) for one in found] == [one == 2 for one in range(6)]


def test_what_is_not_an_image_s_own_ends_it(explainer: Explainer) -> None:
    def broken() -> Iterator[Path]:
        yield SAMPLES[0]
        raise KeyError("the camera's")

    made = explainer.explain_each(broken(), "cam", errors="yield")
    assert isinstance(next(made), Explanation)
    with pytest.raises(KeyError, match="camera"):
        next(made)
    with pytest.raises(TargetError, match="2 images and 3 targets"):
        explainer.explain_each(SAMPLES[:2], "cam", [0, 1, 2], errors="yield")
    wrong: Any = "ignore"
    with pytest.raises(CamError, match="errors is 'raise' or 'yield', got 'ignore'"):
        explainer.explain_each(SAMPLES[:2], "cam", errors=wrong)
    with pytest.raises(ImageError):
        list(explainer.explain_each([INSPECTOR, SAMPLES[0]], "cam"))


def test_a_kept_error_holds_no_picture(explainer: Explainer) -> None:
    class Frame(np.ndarray[Any, Any]):
        """One that can be waited for."""

    frame = np.zeros((500, 500, 4), np.uint8).view(Frame)
    gone = weakref.ref(frame)
    kept = list(explainer.explain_each([frame], "cam", errors="yield"))
    assert isinstance(kept[0], ImageError)
    del frame
    gc.collect()
    assert gone() is None


def _run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "camruntime", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_the_command_writes_the_others(tmp_path: Path) -> None:
    """And gives two pictures of one name files of their own."""
    same = [tmp_path / folder / name for folder, name in (("x", "a.png"), ("y", "a.png"))]
    same.append(tmp_path / "a-2.png")
    for path, sample in zip(same, SAMPLES, strict=False):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(sample.read_bytes())
    empty = tmp_path / "empty.png"
    empty.touch()
    given = [same[0], empty, same[1], tmp_path / "no.png", same[2]]
    done = _run("explain", INSPECTOR, *given, "--method", "cam", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert done.stderr.startswith("error: 2 of 5 images could not be explained")
    assert done.stderr.count("\n") == 1
    left_out = [line for line in done.stdout.splitlines() if line.startswith("left out: ")]
    assert len(left_out) == 2
    assert "empty.png is not a picture" in left_out[0]
    assert "no.png: No such file" in left_out[1]
    written = [json.loads(path.read_text()) for path in (tmp_path / "out").glob("*.json")]
    assert {Path(one["image"]): one["predicted"]["label"] for one in written} == {
        path: sample.stem.partition("-")[0] for path, sample in zip(same, SAMPLES, strict=False)
    }
