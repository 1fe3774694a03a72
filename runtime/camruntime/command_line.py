"""What the commands of `camruntime` share: where they print, and options that several take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from camruntime.targets import Target

console = Console()

BundlePath = Annotated[Path, typer.Argument(help="Directory of the bundle.")]
Provider = Annotated[
    str | None, typer.Option(help="`cuda`, `cpu`, or in full; default CUDA where it opens.")
]
Threads = Annotated[int | None, typer.Option(help="On the CPU; default one per core.")]
Chunk = Annotated[int | None, typer.Option(help="Perturbed copies, or images, computed at once.")]


def say(text: str) -> None:
    """A line as it is: no markup in file names, no wrapping that breaks them."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def class_asked_for(text: str | None) -> Target | None:
    """`--target`: digits are an index, everything else a label."""
    return int(text) if text and text.isdecimal() else text
