"""How both programs run: what goes wrong ends them with one line, and a status that tells which."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from traceback import print_exc
from typing import Annotated, Any

import typer
from typer.rich_utils import rich_format_error

from camruntime._text import printable
from camruntime.errors import CamError

_SHOW = "--traceback"
_OURS, _UNEXPECTED = 1, 70  # the latter is EX_SOFTWARE of sysexits.h
_LONGEST = 200

# Click's, or typer's own copy of it: newer versions bring one, and do not name it.
_WRONG_ARGUMENTS: Any = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)

Traceback = Annotated[
    bool,
    typer.Option(
        _SHOW, help="Of an error, show where in the code it was raised; also behind a command."
    ),
]
"""For a program's help: `run` reads it, wherever it is."""


def run(program: Callable[[], typer.Typer]) -> None:
    """Run a program on this process's arguments, and end the process.

    Args:
        program: imports it, as what it needs may be missing.

    An error that is raised on purpose ends it with its own line and status 1, any other with a line
    that says so and status 70.
    """
    arguments = [one for one in sys.argv[1:] if one != _SHOW]
    logging.getLogger("camruntime").addHandler(_Warnings(logging.WARNING))
    try:
        _refuse_blank(sys.argv)
        sys.exit(program()(arguments, standalone_mode=False))
    except typer.Abort:
        print("aborted", file=sys.stderr)
        sys.exit(_OURS)
    except _WRONG_ARGUMENTS as error:  # which hold what was given, such as a name with a hyphen
        error.message = printable(error.message)
        rich_format_error(error)
        sys.exit(error.exit_code)
    except Exception as error:
        if _SHOW in sys.argv:
            print_exc()  # with the errors behind it, of which the line that follows says the gist
        ours = isinstance(error, CamError)
        text = printable(str(error) if ours else _unexpected(error))
        print(f"error: {text}", file=sys.stderr)
        sys.exit(_OURS if ours else _UNEXPECTED)


class _Warnings(logging.Handler):
    """What the library warns of, in a line each: a program is the application that sends it on."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"warning: {printable(record.getMessage())}", file=sys.stderr)


def _refuse_blank(arguments: Sequence[str]) -> None:
    """Refuse an empty argument of a command line: as a path it would be the current folder.

    A shell makes one of a variable that is not set, and nobody means a default by it.

    Args:
        arguments: the program's name and what follows it.

    Raises:
        CamError: names the option, or what stands before.
    """
    for before, text in pairwise(arguments):
        option, equals, value = text.partition("=")
        joined = equals and option.startswith("--")
        if not (value if joined else text).strip():
            raise CamError(
                f"an empty text stands behind {option if joined else before}: expected a value; "
                "set the variable that it may come from, or leave the option out for its default"
            )


def _unexpected(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = f": {lines[0]}" if lines else ""
    cut = said if len(said) <= _LONGEST else f"{said[:_LONGEST]}..."
    return (
        f"unexpected {type(error).__name__}{cut} (nobody foresaw this: please report it with what "
        f"{_SHOW} shows)"
    )
