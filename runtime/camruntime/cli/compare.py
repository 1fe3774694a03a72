"""`camruntime compare`: all methods on one picture, with their metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from camruntime._whole_files import write_whole
from camruntime.cli.common import (
    BundlePath,
    Computing,
    class_asked_for,
    computes,
    console,
    listed,
    say,
)
from camruntime.errors import CamError, MethodError, TargetError
from camruntime.methods import BASELINES, METHODS
from camruntime.pictures import encode_png


@computes
def compare(
    bundle: BundlePath,
    image: Annotated[Path, typer.Argument(help="A photograph.")],
    methods: Annotated[
        list[str],
        typer.Option(
            help="NAME[:option=value...][,NAME...], or `all` that the bundle can run; repeat it "
            "for more."
        ),
    ] = ["all"],  # noqa: B006  # typer's way to say a default
    metrics: Annotated[
        str, typer.Option(help="NAME[:option=value...][,NAME...]; see `camruntime metrics`.")
    ] = "adcc,insertion,deletion",
    target: Annotated[
        str | None, typer.Option(help="Class index or label; default the top class.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where compare.png and compare.html go.")] = Path(
        "comparison"
    ),
    *,
    computing: Computing,
) -> None:
    """Explain one picture with all methods, and measure each: a PNG and a page."""
    from camruntime.datasets import Sample
    from camruntime.evaluation import (
        compare_method,
        comparison_html,
        comparison_sheet,
        require_few_passes,
    )
    from camruntime.metrics import make_metric

    explainer = computing.load(bundle)
    measured = [make_metric(spec) for spec in metrics.split(",")]
    specs = [*METHODS, *BASELINES] if methods == ["all"] else listed(methods)
    name = image.relative_to(image.parent.parent).as_posix()  # a/part.png is not b/part.png
    sample = Sample(name=name, image=image)
    photograph = explainer.open(image, class_asked_for(target))
    if photograph.wanted.contrasts:
        raise TargetError(
            f"metrics are of classes, got the contrast '{target}': name a class, or draw it with "
            "`camruntime explain`"
        )
    found = []
    for spec in specs:
        try:
            if methods == ["all"]:
                require_few_passes(explainer, explainer.method(spec))
            with console.status(escape(spec)):
                found.append(compare_method(explainer, sample, photograph, spec, measured))
        except CamError as error:
            if methods != ["all"]:
                raise
            say(f"without {spec}: {error}")
    if not found:
        raise MethodError(f"no method could explain {image}: the lines above say why")
    page = comparison_html(explainer, photograph.picture, found)
    sheet = comparison_sheet(photograph.picture, found, explainer.labels)
    files = {
        out / "compare.png": encode_png(sheet),
        out / "compare.html": page.encode("utf-8", "xmlcharrefreplace"),
    }
    write_whole(files)
    say(*files)
