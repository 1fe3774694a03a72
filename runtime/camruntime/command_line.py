"""What the commands of `camruntime` share: where they print, and options that several take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from camruntime.errors import ProviderError
from camruntime.providers import Provider
from camruntime.targets import Target

console = Console()

BundlePath = Annotated[Path, typer.Argument(help="Directory of the bundle.")]
ProviderName = Annotated[
    str | None,
    typer.Option(
        help="`cuda`, `tensorrt`, `openvino`, `cpu`, or in full; default CUDA where it opens."
    ),
]
ProviderOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--provider-option",
        help="KEY=VALUE of the named provider, in ONNX Runtime's words; repeat.",
    ),
]
Threads = Annotated[int | None, typer.Option(help="On the CPU; default one per core.")]
Chunk = Annotated[int | None, typer.Option(help="Perturbed copies, or images, computed at once.")]


def say(text: str) -> None:
    """A line as it is: no markup in file names, no wrapping that breaks them."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def providers_asked_for(name: str | None, options: list[str] | None) -> list[Provider] | None:
    """`--provider` with what `--provider-option` gives it; None where none is named.

    Raises:
        ProviderError: an option is not KEY=VALUE, or there is no provider that takes it.
    """
    pairs = [option.partition("=") for option in options or ()]
    for option, (key, equals, _) in zip(options or (), pairs, strict=True):
        if not key or not equals:
            raise ProviderError(f"--provider-option takes KEY=VALUE, got '{option}'")
    if name is None and pairs:
        raise ProviderError("--provider-option goes with --provider: name the one that takes it")
    return None if name is None else [(name, {key: value for key, _, value in pairs})]


def class_asked_for(text: str | None) -> Target | None:
    """`--target`: digits are an index, everything else a label."""
    return int(text) if text and text.isdecimal() else text
