"""The command line `camruntime`: a file for each larger command."""

from camruntime.cli.app import main

__all__ = [
    "main",
]
