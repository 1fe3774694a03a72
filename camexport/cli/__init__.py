"""The command line `camexport`."""

from camexport.cli.app import app, main

__all__ = ["app", "main"]
