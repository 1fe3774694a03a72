"""All printing of both command lines: no name of a file, no label can steer the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment
from typer.rich_utils import rich_format_error

from camruntime._text import printable
from camruntime.errors import CamError


class SafeConsole(Console):
    """A console that shows escapes in the place of control characters, wherever they come from.

    Rich writes its own, for colours and bars, when it has asked for the texts here.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Segments of text, each printable but for the ends of lines."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=_lines(segment.text))


console = SafeConsole()

# Click's, or typer's own copy of it: newer versions bring one, and do not name it.
_WRONG_ARGUMENTS: Any = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)


def say(*lines: object) -> None:
    """Lines as they are: no markup in file names, no wrapping that breaks them."""
    text = "\n".join(printable(str(line)) for line in lines)
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def say_rows(rows: Mapping[str, str]) -> None:
    """Names and what they are, one below the other."""
    for name, value in rows.items():
        text = f"[bold]{name:>13}[/]  {escape(printable(value))}"
        console.print(text, highlight=False, soft_wrap=True)


def run(app: typer.Typer) -> None:
    """Run a command line; an error of ours ends it with one line and status 1.

    What typer says of wrong arguments holds them as they were given, such as a file's name that
    begins with a hyphen.
    """
    try:
        sys.exit(app(standalone_mode=False))
    except CamError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        sys.exit(1)
    except typer.Abort:
        print("aborted", file=sys.stderr)
        sys.exit(1)
    except _WRONG_ARGUMENTS as error:
        error.message = printable(error.message)
        rich_format_error(error)
        sys.exit(error.exit_code)


def _lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))
