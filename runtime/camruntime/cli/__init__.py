"""The command line `camruntime`: a file for each larger command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from camruntime.ending import run

if TYPE_CHECKING:
    import typer

__all__ = [
    "main",
]


def main() -> None:
    """Run the command line."""
    run(_program)


def _program() -> typer.Typer:
    from camruntime.cli.app import app

    return app
