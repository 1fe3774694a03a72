"""`camruntime devices`: what could compute on this machine."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Column, Table

from camruntime.cli.common import console, say


def devices() -> None:
    """List what could compute here, each tried, and why what is missing does not open."""
    from camruntime.engine import all_devices

    with console.status("trying"):
        found = all_devices()
    names = "--provider", "device", "vendor", "memory", "comes with", "state"
    table = Table(*(Column(name, overflow="fold") for name in names))  # to be copied whole
    for device in found:
        if device.name:
            state = device.why or " ".join(["computes", device.ask]).strip()
            about = device.name, device.vendor, _gibibytes(device.memory), device.comes
            table.add_row(*map(escape, (device.provider, *about, state)))
    console.print(table)
    for device in found:
        if not device.name:
            say(f"{device.provider}: {device.why}")


def _gibibytes(memory: int | None) -> str:
    return "" if memory is None else f"{memory / 2**30:.1f} GiB"
