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

_CODE = "import sys; from camruntime.engine.devices import print_report as p; p(sys.argv[1])"


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
    done = subprocess.run(
        [sys.executable, "-c", _CODE, name], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return [Device(**one) for one in json.loads(done.stdout.splitlines()[-1])]
    ended = f"its library ends the process that opens it (status {done.returncode})"
    return [Device(provider=kind.short, why=ended)]


def print_report(name: str) -> None:
    """`report` as a line of JSON, the last that is printed: for another process."""
    print("\n" + json.dumps([asdict(device) for device in report(name)]))
