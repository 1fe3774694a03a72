"""Tables, for the terminal and as Markdown."""

from __future__ import annotations

from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table


@dataclass(frozen=True)
class Sheet:
    """A table of text."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def rich(self) -> Table:
        """As rich prints it."""
        table = Table(title=self.title, box=SIMPLE_HEAD, show_header=any(self.header))
        for column in self.header:
            table.add_column(column, overflow="fold")  # a figure cut short is a wrong one
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """As GitHub reads it."""
        lines = [self.header, ("---",) * len(self.header), *self.rows]
        return f"### {self.title}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)
