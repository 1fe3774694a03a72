"""What the commands of `camexport` share: where they print, and how networks are named."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from camruntime.terminal import console as console
from camruntime.terminal import say as say
from camruntime.terminal import say_rows as say_rows
from camruntime.terminal import warn as warn

Model = Annotated[
    str,
    typer.Option(
        help="A name from `camexport models`, package.module:callable for your own network, or the "
        "PATH of an .onnx or .pt2 file."
    ),
]
Trust = Annotated[bool, typer.Option("--trust", help="Run the code that a .pt2 file may hold.")]
TrustBundle = Annotated[
    bool, typer.Option("--trust", help="Run the code that the bundle names or its .pt2 holds.")
]
StateDict = Annotated[
    Path | None, typer.Option(help="The state dict, where the bundle was built from a file.")
]
Arguments = Annotated[
    list[str] | None, typer.Option("--arg", help="KEY=VALUE for package.module:callable; repeat.")
]
Channels = Annotated[
    int | None, typer.Option(help="Of the input, where neither file nor network tells.")
]
Output = Annotated[
    str | None, typer.Option(help="Which output the logits are; of an ONNX file any tensor.")
]
