"""The command line `camexport`."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

from camruntime.ending import run

if TYPE_CHECKING:
    import typer

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that nothing is left
    run(_program)


def _program() -> typer.Typer:
    from camexport.cli.app import app

    return app
