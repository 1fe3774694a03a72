"""All tables of a run, for the terminal and as Markdown for `benchmarks/README.md`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sheet import Sheet

from gpu import copies, environment, matrix_rate, memory, networks, parity, peers, throughput
from gpu.journal import Result, write_whole
from gpu.setting import Setting


def sheets(setting: Setting, found: Mapping[str, Result]) -> list[Sheet]:
    """One for each part that has rows, and one of what was not measured."""
    rates = matrix_rate.rates(found.get("matrix_rate"))
    makers: Mapping[str, Callable[[Result], Sheet]] = {
        "environment": environment.sheet,
        "networks": networks.sheet,
        "matrix_rate": matrix_rate.sheet,
        "parity": parity.sheet,
        "throughput": lambda result: throughput.sheet(result, rates),
        "memory": lambda result: memory.sheet(result, setting.device),
        "copies": copies.sheet,
        "peers": peers.sheet,
    }
    measured = [makers[part](result) for part, result in found.items() if result.rows]
    return [*measured, _times(found), *_left(found)]


def _times(found: Mapping[str, Result]) -> Sheet:
    rows = tuple((part, one.status, f"{one.seconds:.1f}") for part, one in found.items())
    total = ("all", "", f"{sum(one.seconds for one in found.values()):.1f}")
    return Sheet("Parts", ("part", "", "seconds"), (*rows, total))


def _left(found: Mapping[str, Result]) -> list[Sheet]:
    """What has the same reason stands together."""
    together: dict[tuple[str, str], list[str]] = {}
    for part, result in found.items():
        for one in result.left:
            why = ("FAILED: " if one.failed else "") + one.why.replace("|", "/")
            together.setdefault((part, why), []).append(one.what)
    rows = tuple((part, "; ".join(whats), why) for (part, why), whats in together.items())
    return [Sheet("Not measured, or not as asked", ("part", "what", "why"), rows)] if rows else []


def write_tables(setting: Setting, found: Mapping[str, Result]) -> Path:
    """`table.md` in the run's folder, which says what it is of."""
    file = setting.folder / "table.md"
    kind = ", small: a test of the command, whose figures say nothing" if setting.small else ""
    head = f"`python benchmarks/gpu --device {setting.device}`{kind}.\n\n"
    write_whole(file, head + "\n".join(one.markdown() for one in sheets(setting, found)))
    return file
