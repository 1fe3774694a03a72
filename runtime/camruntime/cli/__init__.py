"""The command line `camruntime`: a file for each larger command."""

from camruntime.cli.app import main
from camruntime.cli.ending import Traceback, run

__all__ = [
    "Traceback",
    "main",
    "run",
]
