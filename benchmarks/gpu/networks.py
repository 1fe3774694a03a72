"""The networks, built once into the run's folder: bundles in float32 and float16, and PyTorch's."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

from sheet import Sheet

from camruntime.bundle import MANIFEST, Bundle, open_bundle
from gpu.case import Case, Clock, NotHere
from gpu.journal import Result
from gpu.setting import Setting

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"


@dataclass(frozen=True)
class Built:
    """A network, in the seconds that it took; 0 where it was there."""

    network: str
    layer: str
    shape: tuple[int, ...]
    seconds: float


def place_of(setting: Setting, network: str) -> Path:
    """Where a network lies, as `benchmarks/speed/subject.py` writes it."""
    return setting.folder / "networks" / network


def bundle_of(setting: Setting, network: str, precision: str = "float32") -> Bundle:
    """A network's bundle; TF32 computes on that of float32.

    Raises:
        NotHere: it was not built.
    """
    place = place_of(setting, network)
    exact = INSPECTOR if network == "inspector" else place / "bundle"
    folder = place / "fp16" if precision == "fp16" else exact
    if not (folder / MANIFEST).is_file():
        raise NotHere(f"{network} was not built in {precision}")
    return open_bundle(folder)


def cases(setting: Setting) -> Iterator[Case]:
    """Every network that another part asks for, the one that ships with the project first."""
    size = setting.size
    beside = () if setting.device == "webgpu" else size.beside
    for network in dict.fromkeys(("inspector", *size.networks, *size.alike, *beside)):
        yield Case(network, partial(_built, setting, network))


def _built(setting: Setting, network: str, _clock: Clock) -> Iterator[Built]:
    start = perf_counter()
    if network != "inspector" and not (place_of(setting, network) / "subject.json").is_file():
        _build(setting, network)
    exact = bundle_of(setting, network)
    _lower(exact, place_of(setting, network) / "fp16")
    layer = exact.manifest.layer
    yield Built(network, layer.name, layer.shape, perf_counter() - start)


def _build(setting: Setting, network: str) -> None:
    from subject import write_network  # imports torch

    place = place_of(setting, network)
    shutil.rmtree(place, ignore_errors=True)  # of a run that was cut
    pixels = setting.size.pixels
    write_network(network, place, None if pixels is None else (pixels, pixels))


def _lower(exact: Bundle, folder: Path) -> None:
    """Make a bundle in float16, whose manifest appears last."""
    from camexport.precision import reduce_precision  # imports torch

    if (folder / MANIFEST).is_file():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    reduce_precision(exact, folder, "fp16", ())


def sheet(result: Result) -> Sheet:
    """What was built."""
    rows = [
        (one.network, f"`{one.layer}`", " x ".join(map(str, one.shape)), f"{one.seconds:.1f}")
        for one in result.of(Built)
    ]
    return Sheet("Networks", ("network", "layer", "activations", "built in, s"), tuple(rows))
