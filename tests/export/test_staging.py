"""A bundle appears complete or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from camexport.bundles import staged, staged_files
from camexport.errors import OutputError


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_folder_appears_when_it_is_complete(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "bundle"
    with staged(out, force=False) as stage:
        (stage / "file").write_text("new")
        assert not out.exists()
    assert (out / "file").read_text() == "new"
    assert _names(out.parent) == {"bundle"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_an_interruption_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    def interrupted() -> None:
        with staged(tmp_path / "bundle", force=False) as stage:
            (stage / "half").write_text("written")
            raise error

    with pytest.raises(error):
        interrupted()
    assert _names(tmp_path) == set()


def test_an_interrupted_replacement_keeps_the_old_bundle(tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    out.mkdir()
    (out / "file").write_text("old")
    with pytest.raises(KeyboardInterrupt), staged(out, force=True):
        raise KeyboardInterrupt
    assert (out / "file").read_text() == "old"
    with staged(out, force=True) as stage:
        (stage / "file").write_text("new")
    assert (out / "file").read_text() == "new"
    assert _names(tmp_path) == {"bundle"}


def test_an_existing_folder_is_in_use(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    with (
        pytest.raises(OutputError, match=r"bundle is in use: .*--force"),
        staged(tmp_path / "bundle", force=False),
    ):
        raise AssertionError("not reached")


def test_two_builds_of_one_bundle_do_not_mix(tmp_path: Path) -> None:
    with staged(tmp_path / "bundle", force=False) as stage:
        with (
            pytest.raises(OutputError, match=r"another build .*bundle \(process \d+ on .*wait"),
            staged(tmp_path / "bundle", force=True),
        ):
            raise AssertionError("not reached")
        assert stage.exists(), "the first build's folder is left alone"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path, code: int) -> None:
    with (
        pytest.raises(OutputError, match=r"the disk is full: \d+ MB are free"),
        staged(tmp_path / "bundle", force=False),
    ):
        raise OSError(code, "No space left on device")
    assert _names(tmp_path) == set()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match=r"cannot write .*Not a directory"),
        staged(tmp_path / "file" / "bundle", force=False),
    ):
        raise AssertionError("not reached")


def test_files_move_in_order_into_a_folder_that_holds_others(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "a.bin").write_text("old")
    with staged_files(tmp_path, ["a.bin", "b.json"]) as stage:
        assert stage == tmp_path / ".a.building" / "new"
        (stage / "a.bin").write_text("new")
        (stage / "b.json").write_text("about it")
        (stage / "scratch").write_text("")
        assert (tmp_path / "a.bin").read_text() == "old"
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "mine": "mine",
        "a.bin": "new",
        "b.json": "about it",
    }


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_files_that_are_not_complete_leave_neither_them_nor_a_new_folder(
    tmp_path: Path, error: type[BaseException]
) -> None:
    def interrupted(out: Path) -> None:
        with staged_files(out, ["a.bin"]) as stage:
            (stage / "a.bin").write_text("half")
            raise error

    (tmp_path / "there").mkdir()
    for name in ("new", "there"):
        with pytest.raises(OutputError if error is OSError else error):
            interrupted(tmp_path / name)
    assert _names(tmp_path) == {"there"}
    assert _names(tmp_path / "there") == set()
