"""`camruntime devices`, whatever the libraries do that it tries."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from camruntime.cli.devices import devices as list_devices
from camruntime.engine import Device, plugins
from camruntime.engine.devices import _of
from camruntime.engine.kinds import KINDS
from camruntime.engine.plugins import has_plugin
from camruntime.errors import ProviderError
from camruntime.provider_names import OPENVINO

PACKAGE = KINDS[OPENVINO].plugin
NOWHERE = 'def get_library_path(): return "nowhere.so"\n'


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The code of a package that is found in the place of OpenVINO's."""
    assert PACKAGE is not None
    if PACKAGE in sys.modules:
        pytest.skip("OpenVINO's own is in use")
    folder = tmp_path / PACKAGE
    folder.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(plugins, "devices_of", lambda name: [])
    yield folder / "__init__.py"
    sys.modules.pop(PACKAGE, None)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (NOWHERE, "does not load: .*nowhere.so"),
        ("import sys; sys.exit(3)", "does not load: 3; install it again"),
        ("def get_library_path(): raise AssertionError", "does not load: AssertionError; install"),
        ("import os; os.abort()", r"ends the process that opens it \(status .+\): install"),
        (NOWHERE + "import atexit; atexit.register(print, 'bye')", "does not load: .*nowhere.so"),
        (NOWHERE + r"import os; os.write(1, b'\xff\xfe')", "does not load: .*nowhere.so"),
    ],
)
def test_a_broken_library_is_a_line(package: Path, code: str, why: str) -> None:
    package.write_text(code)
    (found,) = _of(OPENVINO)
    assert (found.provider, found.name) == ("openvino", "")
    assert re.search(why, found.why)


def test_a_library_that_does_not_answer(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(sys.modules[_of.__module__], "_SECONDS", 1)
    assert "does not answer within 1 seconds" in _of(OPENVINO)[0].why


@pytest.mark.parametrize("python", [None, ""])
def test_an_application_that_knows_no_python_tries_by_itself(
    package: Path, monkeypatch: pytest.MonkeyPatch, python: str | None
) -> None:
    package.write_text(NOWHERE)
    monkeypatch.setattr(sys, "executable", python)
    assert "nowhere.so" in _of(OPENVINO)[0].why


def test_a_python_that_does_not_start(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package.write_text(NOWHERE)
    monkeypatch.setattr(sys, "executable", str(package.with_name("python")))
    assert "cannot be tried, as" in _of(OPENVINO)[0].why


def test_nothing_runs_that_lies_in_the_present_folder(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package.write_text(NOWHERE)
    here = tmp_path / "here"
    here.mkdir()
    (here / "numpy.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(here)
    assert "nowhere.so" in _of(OPENVINO)[0].why
    assert not (here / "ran").exists()


def test_a_folder_that_an_uninstalled_package_left_is_none(package: Path) -> None:
    (package.parent / "__pycache__").mkdir()
    assert not has_plugin(KINDS[OPENVINO])
    package.write_text(NOWHERE)
    assert has_plugin(KINDS[OPENVINO])


def test_an_exit_of_a_package_is_an_error_of_ours(package: Path) -> None:
    package.write_text("import sys; sys.exit(3)")
    with pytest.raises(ProviderError, match="does not load"):
        plugins.plugin_devices(OPENVINO)


def test_a_library_without_a_device_says_so_again(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays registered, and once more would be refused as there already."""
    package.write_text(NOWHERE)
    calls: list[str] = []
    monkeypatch.setattr(plugins, "_registered", {})
    monkeypatch.setattr(plugins, "register_library", lambda name, path: calls.append(name))
    for _ in range(2):
        with pytest.raises(ProviderError, match="finds no device here"):
            plugins.plugin_devices(OPENVINO)
    assert calls == [OPENVINO]


def test_words_in_brackets_are_no_markup(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = "--provider-option device_type=GPU.1"
    told = [
        Device(provider="x", name="[/red]", why="[Error] : 1"),
        Device(provider="y", name="z", ask=ask),
    ]
    monkeypatch.setattr("camruntime.engine.all_devices", lambda: told)
    list_devices()
    shown = capsys.readouterr().out
    assert "[/red]" in shown
    assert "[Error]" in shown
    assert "…" not in shown
