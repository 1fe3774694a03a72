"""Texts of others, such as file names and labels, on a terminal and in messages: in one line."""

from __future__ import annotations

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of Unicode that steer a terminal, turn the direction of writing, or end a line."""

_JOINERS = "\u200c\u200d"
"""Of that kind, and part of ordinary words in Persian and Hindi, and of emoji."""


def printable(text: str) -> str:
    r"""`text` without any character that does something: those become escapes such as `\x1b`."""
    if text.isprintable():
        return text
    return "".join(_escaped(one) if _acts(one) else one for one in text)


def named(name: object) -> str:
    """What a file is called, for a message: printable, and its middle left out where it is long."""
    text = printable(str(name))
    return text if len(text) <= 300 else f"{text[:140]} … {text[-140:]}"


def shown(value: object) -> str:
    """The start of a value that somebody gave, for a message."""
    try:
        text = repr(value)
    except Exception:  # that of a number of 5000 digits, and whatever others' classes do
        text = f"a value of type {type(value).__name__}"
    return printable(text if len(text) <= 60 else f"{text[:60]}…")


def last_line(error: BaseException) -> str:
    """The end of what an error says, or its type where it says nothing."""
    words = str(error).strip().splitlines()
    return printable(words[-1][-300:]) if words else type(error).__name__


def _acts(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN and character not in _JOINERS


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
