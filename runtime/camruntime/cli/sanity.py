"""`camruntime sanity`: whether maps depend on what the network learned."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import Progress
from rich.table import Column, Table

from camruntime._strict_json import json_bytes
from camruntime._whole_files import write_whole
from camruntime.bundle import MANIFEST
from camruntime.cli.common import (
    Computing,
    computes,
    console,
    listed,
    say,
)
from camruntime.errors import BundleError
from camruntime.methods import make_method

if TYPE_CHECKING:
    from camruntime.evaluation import RandomisationCheck, Similarity


@computes
def sanity(
    bundle: Annotated[Path, typer.Argument(help="Directory of the trained network's bundle.")],
    randomised: Annotated[Path, typer.Argument(help="What `camexport randomise` wrote of it.")],
    images: Annotated[list[Path], typer.Argument(help="Photographs.")],
    method: Annotated[
        list[str],
        typer.Option(
            help="NAME[:option=value...][,NAME...]; repeat it for more; see `camruntime methods`."
        ),
    ] = ["grad-cam,recipro-cam"],  # noqa: B006  # typer's way to say a default
    out: Annotated[Path | None, typer.Option(help="JSON file for the figures.")] = None,
    *,
    computing: Computing,
) -> None:
    """Compare maps with those of the same network when its weights are randomised."""
    from camruntime.evaluation import compare_stages

    methods = [make_method(spec) for spec in listed(method)]
    plain = dataclasses.replace(computing, variant=None)  # stages are bundles
    stages = [partial(plain.load, folder) for folder in stage_folders(randomised)]
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("comparing")
        check = compare_stages(
            computing.load(bundle),
            stages,
            images,
            methods,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    console.print(_table(check))
    if out is not None:
        _write(check, out)
    for one in check.methods:
        say(one.verdict)
    say(check.sentence())


def stage_folders(randomised: Path) -> list[Path]:
    """The bundles `1`, `2`, ... in a folder, by number.

    Raises:
        BundleError: there are none.
    """
    found = [file.parent for file in randomised.glob(f"*/{MANIFEST}")]
    numbered = [folder for folder in found if folder.name.isdecimal()]
    if not numbered:
        raise BundleError(
            f"{randomised} holds no stages 1, 2, ...: expected what `camexport randomise` wrote"
        )
    return sorted(numbered, key=lambda folder: int(folder.name))


def _table(check: RandomisationCheck) -> Table:
    headers = [
        Column(escape(f"{number}: {name}"), overflow="fold", justify="right")
        for number, name in enumerate(check.stages, 1)
    ]
    title = f"rank correlation / SSIM over {check.images} images, randomised from this layer on"
    table = Table(Column("method", overflow="fold"), *headers, title=title)
    for one in check.methods:
        table.add_row(escape(one.method), *map(_cell, one.stages))
    return table


def _cell(similarity: Similarity) -> str:
    flat = f"\n{similarity.flat} flat" if similarity.flat else ""
    return f"{similarity.rank:.2f} / {similarity.structure:.2f}{flat}"


def _write(check: RandomisationCheck, out: Path) -> None:
    write_whole({out: json_bytes(dataclasses.asdict(check), indent=2) + b"\n"})
    say(str(out))
