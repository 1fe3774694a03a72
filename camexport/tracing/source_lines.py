"""Errors of torch in one line, with the line of the network's code that they are about."""

from __future__ import annotations

import linecache
import re
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import torch
from torch import fx

_NOT_THEIRS = (
    str(Path(torch.__file__).parent),
    str(Path(__file__).parents[1]),
    sysconfig.get_path("stdlib"),
    "<",
)
_PACKAGES = "site-packages"  # where other people's networks are
_LONGEST = 200
_ENTRY = re.compile(r'File "([^"]+)", line (\d+)')
_C_PLUS_PLUS = re.compile(r"^\S+\.(?:cpp|h|cc):\d+: ")
_BATCH = r"specialized it to be a constant|Constraints violated"
_MEANT = {
    r"data-dependent|could not extract specialized integer|unbacked": "what it does depends on the "
    "values of a tensor, as an `if`, a loop or a size does; write that with torch.where or masks",
    r"is not tracked with proxy": "a number is taken out of a tensor, by .item(), float() or "
    "int(); leave it a tensor",
    r"\.numpy\(\)|to numpy|__array__": "NumPy computes a part of it; write that with torch's "
    "operators",
    _BATCH: "it works with one batch size only; take sizes by themselves, as `x.shape[0]` or -1, "
    "and not as numbers",
}


def in_one_line(error: BaseException) -> str:
    """What went wrong, and where in the network's own code that is, where torch tells."""
    chain = list(_chain(error))
    words = _words(chain)
    place = _place(chain)
    return f"{words} ({place})" if place else words


def line_of(node: fx.Node) -> str:
    """The line of the network's code that a traced node is from; empty if torch does not tell."""
    entries = _ENTRY.findall(str(node.meta.get("stack_trace") or ""))
    return _last((file, int(line)) for file, line in entries)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _words(chain: list[BaseException]) -> str:
    for error in chain:
        for pattern, meaning in _MEANT.items():
            if re.search(pattern, str(error), re.IGNORECASE):
                return meaning
    root = next(one for one in reversed(chain) if str(one).strip() or one is chain[0])
    lines = [line.strip() for line in str(root).splitlines() if line.strip()]
    said = _C_PLUS_PLUS.sub("", lines[0]) if lines else type(root).__name__
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


def _place(chain: list[BaseException]) -> str:
    """Of the call that raised, or else of the one that fixed the batch size."""
    for error in reversed(chain):
        found = _last(_entries(error))
        if found:
            return found
    return ""


def _entries(error: BaseException) -> Iterator[tuple[str, int]]:
    trace = error.__traceback__
    while trace is not None:
        yield from _specialised(trace.tb_frame, str(error))
        yield trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    # Some of torch's errors are raised long after the call, and quote it.
    yield from ((file, int(line)) for file, line in _ENTRY.findall(str(error)))


def _specialised(frame: FrameType, said: str) -> Iterator[tuple[str, int]]:
    """Where a batch size was made a number: only the state of torch's tracer tells."""
    if not re.search(_BATCH, said):
        return
    shapes = getattr(frame.f_locals.get("fake_mode"), "shape_env", None)
    for location in getattr(shapes, "replacements_slocs", {}).values():
        place = getattr(location, "framework_loc", None)
        if isinstance(place, traceback.FrameSummary):
            yield place.filename, place.lineno or 0


def _last(entries: Iterator[tuple[str, int]]) -> str:
    """The innermost line that is the user's own, or else a package's, such as timm's."""
    theirs = [one for one in entries if not one[0].startswith(_NOT_THEIRS) or _PACKAGES in one[0]]
    theirs = [one for one in theirs if not one[0].startswith(_NOT_THEIRS[:2])]
    own = [one for one in theirs if _PACKAGES not in one[0]]
    if not theirs:
        return ""
    file, line = (own or theirs)[-1]
    text = linecache.getline(file, line).strip()
    return f"{_shown(file)}:{line}" + (f": `{text}`" if text else "")


def _shown(file: str) -> str:
    behind = file.partition(f"{_PACKAGES}/")[2]
    if behind:
        return behind
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
