"""All printing of both command lines: no name of a file, no label can steer the terminal."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from camruntime._text import printable

_WARNING = "yellow"


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


def say(*lines: object) -> None:
    """Lines as they are: no markup in file names, no wrapping that breaks them."""
    text = "\n".join(printable(str(line)) for line in lines)
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def warn(line: object) -> None:
    """A line that is not to be overlooked, in colour where the terminal has any."""
    text = Text(f"warning: {printable(str(line))}", _WARNING)
    console.print(text, highlight=False, soft_wrap=True)


def say_rows(rows: Mapping[str, str], warned: Container[str] = ()) -> None:
    """Names and what they are, one below the other; those that are `warned` of as in `warn`."""
    for name, value in rows.items():
        style = _WARNING if name in warned else ""
        text = Text.assemble((f"{name:>13}", f"bold {style}"), ("  " + printable(value), style))
        console.print(text, highlight=False, soft_wrap=True)


def _lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))
