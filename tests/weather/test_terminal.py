"""Names and labels of others on a terminal: they are shown, and do nothing."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.progress import Progress
from rich.table import Table

from camruntime import terminal
from camruntime._text import named, printable, shown

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"
EVIL = "a\x1b]0;owned\x07\x1b[2Jb\rc\u202egnp.exe\x9b31m"
SAFE = r"a\x1b]0;owned\x07\x1b[2Jb\rc\u202egnp.exe\x9b31m"


@given(st.text())
def test_nothing_acts(text: str) -> None:
    found = printable(text)
    assert not set("\x1b\r\n\x07\x7f\x9b\u202e\u2028\u2066\x00") & set(found)
    found.encode("utf-8")
    if text.isprintable():
        assert found == text


def test_words_stay_as_they_are() -> None:
    for text in (
        "Größe 3 µm",
        "写真\u3000二",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "👩\u200d🔬",
        "a b",
    ):
        assert printable(text) == text
    assert printable(EVIL) == SAFE
    assert named("x" * 5000) == "x" * 140 + " … " + "x" * 140
    assert shown(10**5000) == "a value of type int"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr(
        terminal.console, "_file", stream
    )  # `file` would come back as this test's own
    return stream


def test_all_that_a_console_shows(written: io.StringIO) -> None:
    table = Table("name", title=EVIL)
    table.add_row(EVIL)
    terminal.console.print(table, EVIL)
    terminal.say(f"one\n{EVIL}", Path(EVIL))
    terminal.say_rows({"model": f"x\n{EVIL}"})
    with Progress(console=terminal.console, transient=True) as bar:
        bar.update(bar.add_task(EVIL, total=2), completed=1)
    with terminal.console.status(EVIL):
        pass
    text = written.getvalue()
    assert rf"one\n{SAFE}" in text
    assert rf"x\n{SAFE}" in text
    assert not set("\x1b\r\x07\x9b\u202e") & set(text)


def _run(package: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    code = f"from {package}.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_what_the_commands_say(tmp_path: Path) -> None:
    picture = tmp_path / "a\x1b[2Jb\nerror: c\u202e.png"
    picture.write_bytes(next((INSPECTOR / "samples").glob("*.png")).read_bytes())
    missing = tmp_path / "no\x1b[31m\n.png"
    for arguments, status in (
        (("explain", INSPECTOR, picture, "--method", "cam", "--out", tmp_path / "out"), 0),
        (("explain", INSPECTOR, missing, "--out", tmp_path / "out"), 1),
        (("explain", INSPECTOR, picture, "--target", "\x1b[31m"), 1),
        (("explain", INSPECTOR, picture, "--target", "9" * 5000), 1),
        (("explain", INSPECTOR, picture, "--method", "\x1b[31m"), 1),
        (("info", missing), 1),
        (("explain", INSPECTOR, "--\x1b[31m\u202e.png"), 2),
        (("\x1b[31m",), 2),
        (("--version",), 0),
        ((), 2),
    ):
        done = _run("camruntime", *arguments)
        said = done.stdout + done.stderr
        assert done.returncode == status, said
        assert not set("\x1b\r\x07\x9b\u202e") & set(said)
        assert said.strip()
        if status == 1:
            assert done.stderr.startswith("error: ")
            assert done.stderr.count("\n") == 1
    written = [path.name for path in (tmp_path / "out").glob("*.json")]
    assert written == [f"{picture.stem}.cam.json"], "on the disk it has its name"
