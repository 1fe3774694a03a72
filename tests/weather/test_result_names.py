"""No picture's results in the place of another's, in one run or in several."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from camruntime.cli.app import app
from camruntime.cli.result_names import absolute, method_slugs, picture_names
from camruntime.methods import make_method
from evaluations import INSPECTOR

SLUGS = ["cam"]


def _saved(out: Path, name: str, image: Path) -> None:
    out.mkdir(exist_ok=True)
    (out / f"{name}.cam.json").write_text(json.dumps({"image": absolute(image)}))


def _names(out: Path, *images: str | Path) -> list[str]:
    return picture_names([Path(image) for image in images], out, SLUGS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a/part.png", "b/part.png"),
        ("a/part.png", "a/part.jpg"),
        ("a/part.png", "a/PART.png"),
        ("a/pärt.png", "a/pa\u0308rt.png"),  # the same on macOS
        ("x/a/part.png", "y/a/part.png"),
    ],
)
def test_names_are_kept_apart(tmp_path: Path, one: str, other: str) -> None:
    names = _names(tmp_path, one, other)
    assert len({name.casefold() for name in names}) == 2
    assert names == _names(tmp_path, other, "c/else.png", one)[::-2], "in lists of any order"
    assert all(
        name.startswith(f"{Path(image).parent.name}-")
        for name, image in zip(names, (one, other), strict=True)
    )


def test_the_same_picture_has_the_same_name(tmp_path: Path) -> None:
    assert _names(tmp_path, "a/part.png", "./b/../a/part.png") == ["part", "part"]
    _saved(tmp_path, "part", Path("a/part.png"))
    assert _names(tmp_path, "a/part.png") == ["part"]


def test_results_of_another_picture_stay(tmp_path: Path) -> None:
    _saved(tmp_path, "part", Path("a/part.png"))
    (name,) = _names(tmp_path, "b/part.png")
    assert name.startswith("b-part-")
    assert [name] == _names(tmp_path / "fresh", "b/part.png", "c/part.png")[:1]
    (tmp_path / "part.cam.json").write_text('{"target": 3}')  # nobody knows of which
    assert _names(tmp_path, "a/part.png")[0].startswith("a-part-")
    (tmp_path / "part.cam.json").write_text("{")
    assert _names(tmp_path, "a/part.png")[0].startswith("a-part-")


def test_long_names_and_names_of_no_encoding(tmp_path: Path) -> None:
    long = ["ä" * 125 + end for end in ("a.png", "b.png")]
    names = _names(tmp_path, *long, "caf\udce9.png")
    assert len(set(names)) == 3
    assert max(len(name.encode("utf-8", "surrogateescape")) for name in names) <= 120
    assert names[2] == "caf\udce9"


def test_methods_that_are_written_alike_are_kept_apart() -> None:
    one, other = (make_method(f"feature-cam:edges={path}") for path in ("a/b.onnx", "a_b.onnx"))
    slugs = method_slugs([one, other, make_method("cam"), make_method("cam")])
    assert len(set(slugs)) == 3
    assert slugs[2:] == ["cam", "cam"]
    assert slugs == [*method_slugs([other, one])[::-1], "cam", "cam"]


def test_explain_keeps_folders_apart_in_one_run_and_in_two(tmp_path: Path) -> None:
    images = []
    for label in ("crack", "hole"):
        images.append(tmp_path / label / "part.png")
        images[-1].parent.mkdir()
        shutil.copy(INSPECTOR / "samples" / f"{label}-1.png", images[-1])
    together, after_another = tmp_path / "one", tmp_path / "two"
    _explain(together, *images)
    for image in (*images, images[0]):
        _explain(after_another, image)
    for out in (together, after_another):
        figures = [json.loads(file.read_text()) for file in sorted(out.glob("*.json"))]
        assert {one["image"] for one in figures} == set(map(str, images))
        for one in figures:
            assert one["predicted"]["label"] == Path(one["image"]).parent.name
        assert len(list(out.iterdir())) == 2 * 3


def _explain(out: Path, *images: Path) -> None:
    arguments = [
        "explain",
        INSPECTOR,
        *images,
        "--method",
        "cam",
        "--provider",
        "cpu",
        "--out",
        out,
    ]
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
