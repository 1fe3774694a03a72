"""The version of what is installed: that of the distribution, which both packages come in."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def version() -> str:
    """The distribution's version; `0+unknown` where the code was copied, and none is installed."""
    try:
        return installed("camexport")
    except PackageNotFoundError:
        return "0+unknown"
