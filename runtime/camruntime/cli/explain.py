"""`camruntime explain`: pictures and figures of photographs, written as they come."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import Progress

from camruntime._whole_files import write_whole
from camruntime.cli.common import (
    BundlePath,
    CalibrationFile,
    Computing,
    class_asked_for,
    computes,
    console,
    in_words,
    listed,
    say,
)
from camruntime.cli.recording import Recording, record_log
from camruntime.cli.region_files import RegionFiles, region_files
from camruntime.cli.result_names import absolute, method_slugs, picture_names
from camruntime.errors import CamError, ImageError
from camruntime.explanation import Explanation
from camruntime.maps import Approximation
from camruntime.methods import Method, make_method, spec_of
from camruntime.pictures import Picture, contact_sheet, encode_png

if TYPE_CHECKING:
    from camruntime.explainer import Explainer
    from camruntime.explaining import Target
    from camruntime.record import Record

_WRITERS = 4  # encoding a photograph of 12 megapixels takes a core's second and 300 MB


@computes
def explain(
    bundle: BundlePath,
    images: Annotated[list[Path], typer.Argument(help="Photographs.")],
    method: Annotated[
        list[str],
        typer.Option(
            help="NAME[:option=value...][,NAME...]; repeat it for more; see `camruntime methods`."
        ),
    ] = ["recipro-cam"],  # noqa: B006  # typer's way to say a default
    target: Annotated[
        str | None,
        typer.Option(
            help="Class index or label; `A-B` for A rather than B, `not B` for all others; default "
            "each image's top class."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the pictures go.")] = Path("explanations"),
    explanation_map: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=100,
            help="Write .explanation.png too: only pixels above this percentile of saliency; "
            "Feature CAM's paper takes 20.",
        ),
    ] = None,
    calibration: CalibrationFile = None,
    regions: Annotated[
        list[str] | None,
        typer.Option(
            help="Files of regions: `json`, `coco`, `labelme`; commas between them. Beyond the "
            "calibration's threshold, else above half of each map's maximum, which is no evidence."
        ),
    ] = None,
    mm_per_pixel: Annotated[
        float | None,
        typer.Option(help="Side of a photograph's pixel in mm: regions in millimetres, too."),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            help="Append a line of JSON to this file for each picture and method, for "
            "`camruntime replay`."
        ),
    ] = None,
    *,
    computing: Computing,
) -> None:
    """Write, per image and method, an overlay PNG, the raw map as .npy and a JSON with figures.

    An image that cannot be explained is named, with the reason, and the others are written; the
    status is then 1.
    """
    methods = [make_method(spec) for spec in listed(method)]
    asked = region_files(regions, mm_per_pixel, out)
    explainer = computing.load(bundle, calibration)
    wanted = class_asked_for(target)
    recording = Recording(record_log(record), explainer, methods, wanted)
    say(f"computing on {in_words(explainer)}")

    slugs = method_slugs(methods)
    names = dict(zip(picture_names(images, out, slugs), images, strict=True))

    def save(name: str, made: list[Explanation]) -> list[str]:
        by_slug = dict(zip(slugs, made, strict=True))
        return _save(name, names[name], by_slug, out, explanation_map, asked)

    asked.begin()
    with Progress(console=console, transient=True) as bar:
        failed = _write_all(
            _explained(explainer, names, methods, wanted, bar),
            save,
            lambda name, made: recording.made(names[name], made),
            recording.add,
            min(_WRITERS, computing.threads or os.cpu_count() or 1),
        )
    if told := asked.end(names, explainer.bundle.manifest.labels, failed):
        say(told)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise ImageError(
            f"{len(failed)} of {len(images)} images could not be explained, see the lines that "
            f"begin with `left out`; the first: {failed[0]}"
        )


def _explained(
    explainer: Explainer,
    names: Mapping[str, Path],
    methods: list[Method],
    target: Target | None,
    bar: Progress,
) -> Iterator[tuple[str, list[Explanation] | CamError]]:
    """The name of one image after the other, and what each method says, or why none does.

    `bar` shows how far.
    """
    task = bar.add_task("explaining", total=len(names))
    done = 0

    def told(part: int, whole: int) -> None:
        bar.update(task, completed=done + part / whole)

    each = explainer.explain_each(names.values(), methods, target, errors="yield", progress=told)
    for done, stem in enumerate(names):
        bar.update(task, description=escape(stem), completed=done)
        yield stem, next(each)


def _write_all(
    explained: Iterable[tuple[str, list[Explanation] | CamError]],
    save: Callable[[str, list[Explanation]], list[str]],
    records: Callable[[str, list[Explanation] | CamError], list[Record]],
    add: Callable[[list[Record]], None],
    writers: int,
) -> list[CamError]:
    """Save in threads what comes, a few at once, while more is explained; tell it in order.

    A picture's records are added when its files are there, in order as well.

    Returns why some could not be explained.
    """

    def write(stem: str, made: list[Explanation] | CamError, before: Future[None] | None) -> None:
        lines = [f"left out: {made}"] if isinstance(made, CamError) else save(stem, made)
        kept = records(stem, made)
        if before is not None:
            wait([before])
        add(kept)
        say(*lines)

    failed = []
    pending: deque[Future[None]] = deque()
    with ThreadPoolExecutor(writers) as pool:
        for stem, made in explained:
            failed += [made] if isinstance(made, CamError) else []
            pending.append(pool.submit(write, stem, made, pending[-1] if pending else None))
            if len(pending) > writers:
                pending.popleft().result()
        for one in pending:
            one.result()
    return failed


def _save(
    name: str,
    image: Path,
    made: Mapping[str, Explanation],
    out: Path,
    percentile: float | None,
    asked: RegionFiles,
) -> list[str]:
    """Write one image's files, `made` by the methods' slugs; a line about each picture."""
    lines = []
    for slug, explanation in made.items():
        stem = f"{name}.{slug}"
        write_whole(
            {out / f"{stem}.{end}.png": png for end, png in _more(explanation, percentile)}
            | asked.beside(name, stem, image, explanation)
            | explanation.files(out, stem, absolute(image))
        )
        notes = _notes(explanation) + asked.note(explanation)
        lines.append(f"{out / stem}.png  {_verdict(explanation)}{notes}")
    if len(made) > 1:
        sheet = out / f"{name}.sheet.png"
        write_whole({sheet: encode_png(_sheet(name, list(made.values())))})
        lines.append(str(sheet))
    return lines


def _more(explanation: Explanation, percentile: float | None) -> Iterator[tuple[str, bytes]]:
    """Pictures beside the overlay, as PNG, by the end of their names."""
    if percentile is not None:
        yield "explanation", encode_png(explanation.explanation_map(percentile))
    if explanation.components is not None:
        yield "components", encode_png(explanation.component_sheet())


def _sheet(name: str, made: list[Explanation]) -> Picture:
    tiles = [(f"{name}\npredicted {made[0].predicted.label}", made[0].photo)]
    tiles += [(f"{spec_of(one.method)}\n{_verdict(one)}", one.overlay()) for one in made]
    scales = ["", *("\n".join(one.caption()) for one in made)]
    return contact_sheet(tiles, columns=4, below=scales)


def _notes(explanation: Explanation) -> str:
    evidence = explanation.evidence
    if evidence is not None:
        note = f"  {'' if evidence.has_evidence else 'no '}evidence, score {evidence.score:.2f}, "
        note += f"p {evidence.p_value:.3g}"
    else:
        note = "  no evidence" if explanation.no_evidence else ""
    note += f"  edges by {explanation.edges}" if explanation.edges else ""
    near = explanation.approximation
    wanted = float(getattr(explanation.method, "certificate", 0))
    return note + (f"  {_nearness(near, wanted)}" if near else "")


def _nearness(found: Approximation, wanted: float) -> str:
    """Nothing is sure but the number of channels: the bound rests on an assumption."""
    known = found.correlation_bound > -1
    return (
        f"{found.evaluated} of {found.channels} channels, correlation with the exact map "
        f"estimated at {found.correlation_estimate:.3f}, "
        + (f"bounded by {found.correlation_bound:.3f}" if known else "with no bound yet")
        + _certified(found.correlation_certified, wanted)
    )


def _certified(least: float | None, wanted: float) -> str:
    """What a sample certifies, and what it should have, where it does not."""
    if least is None:
        return ""
    missed = f"{wanted:g} was wanted"
    if least == -1:
        return f", nothing certified ({missed})"
    sure = "95 percent confidence"
    return f", certified at {least:.3f} ({sure if least >= wanted else f'{sure}; {missed}'})"


def _verdict(explanation: Explanation) -> str:
    return f"{explanation.target.label} {explanation.target.probability:.3f}"
