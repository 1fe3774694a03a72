"""`camexport package`: its options, and what it prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from camexport.cli import option_texts
from camexport.cli.common import say, say_rows
from camruntime.bundle import package_rows


def package(
    bundles: Annotated[
        list[Path],
        typer.Argument(help="A bundle in float32; and others of its network that are built."),
    ],
    out: Annotated[Path, typer.Option(help="Directory for the package.")],
    calibrate: Annotated[
        Path | None,
        typer.Option(help="Folder of photographs for int8, which also judge fp16."),
    ] = None,
    prefer: Annotated[
        list[str] | None,
        typer.Option(
            help="PROVIDER=PRECISION, such as cuda=fp16, to be taken where nobody names a "
            "variant; repeat. All others take float32."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Write a model package: a bundle in float32, fp16 and int8, where maps stay what they are."""
    from camexport.package import PackageOptions, write_package

    options = PackageOptions(
        bundles=tuple(bundles),
        out=out,
        calibrate=calibrate,
        prefer=option_texts.pairs(prefer, "--prefer"),
        force=force,
    )
    say(f"packaging {bundles[0]}")
    made = write_package(options)
    left_out = {f"no {name}": reason for name, reason in made.left_out.items()}
    say_rows({"package": str(out), **package_rows(made.package), **left_out})
