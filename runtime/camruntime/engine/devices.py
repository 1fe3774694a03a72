"""What could compute on this machine, and why what is missing does not open.

Each provider is tried in a process of its own: one whose library ends the process is a line like
any other.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict

from camruntime.engine.device_report import Device, report
from camruntime.engine.kinds import KINDS, kind_of
from camruntime.engine.plugins import has_plugin
from camruntime.engine.session import available_providers
from camruntime.provider_names import CPU

_ELSEWHERE = {"AzureExecutionProvider"}  # sends what it is given to a service

# Modules come from where they come from here: Python puts the present folder first, where anybody
# may have left a `numpy.py`.
_CODE = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[2]); "
    "from camruntime.engine.devices import print_report as p; p(sys.argv[1])"
)
_MARK = "devices as JSON: "
_SECONDS = 120


def all_devices() -> list[Device]:
    """Of every provider that is known to this project or built into ONNX Runtime."""
    names = [*dict.fromkeys([*KINDS, *available_providers()])]
    return [device for name in names if name not in _ELSEWHERE for device in _of(name)]


def _of(name: str) -> list[Device]:
    kind = kind_of(name)
    if name == CPU:
        return report(name)
    if not has_plugin(kind) and name not in available_providers():
        return [Device(provider=kind.short, why=f"not installed: {kind.install}")]
    if not sys.executable or getattr(sys, "frozen", False):  # an application of its own
        return report(name)
    try:
        status, said = _elsewhere(name)
    except subprocess.TimeoutExpired:
        why = f"its library does not answer within {_SECONDS} seconds: is its driver in order?"
    except OSError as error:
        why = f"cannot be tried, as {sys.executable} does not start: {error.strerror or error}"
    else:
        found = [line for line in said.splitlines() if line.startswith(_MARK)]
        if found:
            return [Device(**one) for one in json.loads(found[-1].removeprefix(_MARK))]
        why = f"its library ends the process that opens it (status {status}): install it again"
    return [Device(provider=kind.short, why=why)]


def _elsewhere(name: str) -> tuple[int, str]:
    """How a process that prints the report of a provider ends, and what it prints."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", _CODE, name, json.dumps(sys.path, default=str)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout.decode(errors="replace")


def print_report(name: str) -> None:
    """`report` as a line of JSON, among whatever libraries print: for another process."""
    print(f"\n{_MARK}{json.dumps([asdict(device) for device in report(name)])}", flush=True)
