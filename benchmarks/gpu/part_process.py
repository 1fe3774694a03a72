"""A part in a process of its own, so that what it does to device and memory ends with it.

python -m gpu.part_process OUT PART     (started by `running.py`)
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from gpu.case import Clock
from gpu.journal import Left, Result, write_result
from gpu.parts import PARTS, seconds_of
from gpu.setting import Setting


def main() -> None:
    setting, name = Setting.read(Path(sys.argv[1])), sys.argv[2]
    assert setting is not None
    measure(setting, name)


def measure(setting: Setting, name: str) -> Result:
    """All cases of a part; what was found is in its file after each."""
    result, clock = Result("running", 0.0), Clock(seconds_of(setting, name))
    for case in PARTS[name].cases(setting):
        for found in case.run(clock):
            result = _with(result, found, clock)
            write_result(setting.folder, name, result)
    failed = any(left.failed for left in result.left)
    result = dataclasses.replace(
        result, status="failed" if failed else "done", seconds=round(clock.past, 1)
    )
    write_result(setting.folder, name, result)
    return result


def _with(result: Result, found: object, clock: Clock) -> Result:
    seconds = round(clock.past, 1)
    if isinstance(found, Left):
        return dataclasses.replace(result, seconds=seconds, left=(*result.left, found))
    rows = (*result.rows, dataclasses.asdict(found))  # type: ignore[call-overload]
    return dataclasses.replace(result, seconds=seconds, rows=rows)


if __name__ == "__main__":
    main()
