"""A build that is killed, or that shares its place with others: a whole bundle is always there."""

from __future__ import annotations

import errno
import json
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import camruntime
from camexport.bundles import staged, staged_files, staging
from camexport.errors import OutputError

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"

# Every function of the system's that changes names, files or folders: the n-th call, counted over
# all of them, kills the process, before or after its work.
KILLED = """
import builtins, json, os, shutil, signal, sys
from pathlib import Path
from camexport.bundles import staged, staging, work_folder

out, names = Path(sys.argv[1]), ("bundle.json", "head.onnx")
exchange = staging.exchange

def build(stage, text):
    for name in names:
        (stage / name).write_text(text)

def child(nth, after):
    calls = 0
    def deadly(function):
        def run(*args, **kwargs):
            nonlocal calls
            calls += 1
            if calls == nth and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            found = function(*args, **kwargs)
            if calls == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            return found
        return run
    for place, names in (
        (os, ("fsync", "rename", "unlink", "rmdir", "mkdir", "write", "open")),
        (staging, ("exchange",)),
    ):
        for name in names:
            setattr(place, name, deadly(getattr(place, name)))
    with staged(out, force=True) as stage:
        build(stage, "new")

def survives(nth, after):
    with staged(out, force=True) as stage:  # as if nothing had been
        build(stage, "old")
    assert [*out.parent.iterdir()] == [out], "the next build clears up"
    pid = os.fork()
    if not pid:
        child(nth, after)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    texts = {path.read_text() for path in out.iterdir()} if out.exists() else ()
    beside = sorted(path.name for path in out.parent.iterdir())
    found[str(exchanging)].append((os.WTERMSIG(status), *texts, *beside))
    return os.WTERMSIG(status)

found = {}
for exchanging in (True, False):
    staging.exchange = exchange if exchanging else lambda *_: False
    found[str(exchanging)], nth = [], 1
    while survives(nth, False) and survives(nth, True):
        nth += 1
print(json.dumps(found))
"""


def test_a_build_killed_at_any_moment(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "bundle")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    working = [signal.SIGKILL, "old", ".bundle.building", "bundle"]
    over = [signal.SIGKILL, "new", ".bundle.building", "bundle"]
    between = [signal.SIGKILL, ".bundle.building"]
    for exchanging, states in json.loads(done.stdout).items():
        *killed, ended = states
        assert ended == [0, "new", "bundle"]
        kinds = [
            [signal.SIGKILL, "old", "bundle"],
            working,
            over,
            [signal.SIGKILL, "new", "bundle"],
        ]
        counts = [killed.count(kind) for kind in kinds]
        assert killed.count(between) == (0 if exchanging == "True" else 2), killed
        assert min(counts) > 0
        assert sum(counts) + killed.count(between) == len(killed) > 20, "nothing else was seen"


def test_what_was_there_comes_back_with_the_next_build(tmp_path: Path) -> None:
    """Also where that does not go through."""
    out = tmp_path / "bundle"
    (tmp_path / ".bundle.building" / "old").mkdir(parents=True)
    (tmp_path / ".bundle.building" / "old" / "mine").write_text("old")
    with pytest.raises(OutputError, match=r"bundle is in use"), staged(out, force=False):
        raise AssertionError("not reached")
    assert (out / "mine").read_text() == "old"
    assert [*tmp_path.iterdir()] == [out]


@pytest.mark.parametrize("first", [True, False])
def test_a_disk_that_is_full_between_two_renames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    out = tmp_path / "bundle"
    out.mkdir()
    (out / "file").write_text("old")
    monkeypatch.setattr(staging, "exchange", lambda *_: False)
    rename = Path.rename

    def full(path: Path, target: Path) -> Path:
        if path.name == ("bundle" if first else "new"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OutputError, match="the disk is full"), staged(out, force=True) as stage:
        (stage / "file").write_text("new")
    assert (out / "file").read_text() == "old"
    assert [*tmp_path.iterdir()] == [out]


def test_where_nothing_can_be_renamed_any_more_the_old_bundle_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "bundle"
    out.mkdir()
    (out / "file").write_text("old")
    monkeypatch.setattr(staging, "exchange", lambda *_: False)
    rename, calls = Path.rename, iter([True, False, False])

    def broken(path: Path, target: Path) -> Path:
        if next(calls):
            return rename(path, target)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", broken)
        with pytest.raises(OutputError, match="Input/output"), staged(out, force=True) as stage:
            (stage / "file").write_text("new")
    with pytest.raises(OutputError, match="in use"), staged(out, force=False):
        raise AssertionError("not reached")
    assert (out / "file").read_text() == "old"


LOCKED = """
import sys, time
from pathlib import Path
from camexport.bundles import staged
with staged(Path(sys.argv[1]), force=True):
    print("at work", flush=True)
    time.sleep(60)
"""


def test_a_live_build_keeps_others_out_and_a_dead_one_does_not(tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    command = [sys.executable, "-c", LOCKED, str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as build:
        assert build.stdout is not None
        assert build.stdout.readline() == "at work\n"
        with (
            pytest.raises(OutputError, match=rf"another build .*\(process {build.pid} on .*wait"),
            staged(out, force=True),
        ):
            raise AssertionError("not reached")
        build.kill()
    assert [path.name for path in tmp_path.iterdir()] == [".bundle.building"]
    with staged(out, force=False) as stage:
        (stage / "file").write_text("new")
    assert [*tmp_path.iterdir()] == [out]


def test_of_many_builds_at_once_each_is_whole(tmp_path: Path) -> None:
    """Those that were not kept out replaced one another."""
    out, refused = tmp_path / "bundle", []

    def build(name: str) -> None:
        for _ in range(20):
            try:
                with staged(out, force=True) as stage:
                    for file in ("a", "b"):
                        (stage / file).write_text(name)
            except OutputError as error:
                refused.append(str(error))

    threads = [threading.Thread(target=build, args=(str(index),)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all("another build is writing" in one for one in refused)
    assert (out / "a").read_text() == (out / "b").read_text()
    assert [*tmp_path.iterdir()] == [out]


def test_who_reads_while_a_bundle_is_replaced_finds_a_whole_one(tmp_path: Path) -> None:
    """Two bundles with other weights and the same network, twenty times, and a reader all along."""
    old, out = tmp_path / "old", tmp_path / "there" / "bundle"
    shutil.copytree(INSPECTOR, old, ignore=shutil.ignore_patterns("samples"))
    new = tmp_path / "new"
    shutil.copytree(old, new)
    (new / "head.onnx").write_bytes((old / "head.onnx").read_bytes() + b"\x72\x01a")  # a doc string
    digest = camruntime.bundle.digest_file(new / "head.onnx")
    manifest = json.loads((new / "bundle.json").read_text())
    manifest["graphs"]["head"]["sha256"] = digest
    del manifest["manifest_sha256"]
    (new / "bundle.json").write_text(json.dumps(camruntime.bundle.sealing.sealed(manifest)))
    shutil.copytree(old, out)
    found: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            found.append(camruntime.open_bundle(out).manifest.graphs["head"].sha256)

    reader = threading.Thread(target=read)
    reader.start()
    for index in range(20):
        with staged(out, force=True) as stage:
            shutil.copytree((new, old)[index % 2], stage, dirs_exist_ok=True)
    still_reading = reader.is_alive()
    done.set()
    reader.join()
    assert still_reading, "it raised"
    assert set(found) == {digest, camruntime.open_bundle(old).manifest.graphs["head"].sha256}


def test_a_link_is_followed(tmp_path: Path) -> None:
    """`current -> v1` names the new bundle afterwards, and is a link still."""
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1" / "file").write_text("old")
    (tmp_path / "current").symlink_to("v1")
    with staged(tmp_path / "current", force=True) as stage:
        (stage / "file").write_text("new")
    assert (tmp_path / "current").is_symlink()
    assert (tmp_path / "v1" / "file").read_text() == "new"
    assert {path.name for path in tmp_path.iterdir()} == {"v1", "current"}


def test_a_dead_build_of_an_edge_model_does_not_block_the_next(tmp_path: Path) -> None:
    (tmp_path / ".edges.building" / "new").mkdir(parents=True)
    (tmp_path / ".edges.building" / "new" / "edges.onnx").write_text("half")
    with staged_files(tmp_path, ["edges.onnx"]) as stage:
        assert not [*stage.iterdir()]
        (stage / "edges.onnx").write_text("whole")
    assert {path.name for path in tmp_path.iterdir()} == {"edges.onnx"}
    assert (tmp_path / "edges.onnx").read_text() == "whole"
