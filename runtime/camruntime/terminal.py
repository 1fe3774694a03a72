"""All printing of both command lines: no name of a file, no label can steer the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment

from camruntime._text import printable


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


def say_rows(rows: Mapping[str, str]) -> None:
    """Names and what they are, one below the other."""
    for name, value in rows.items():
        text = f"[bold]{name:>13}[/]  {escape(printable(value))}"
        console.print(text, highlight=False, soft_wrap=True)


def _lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))
