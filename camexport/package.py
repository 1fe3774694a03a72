"""Write a model package: one network in float32, fp16 and int8, as ONNX Runtime opens it.

Each variant is a whole bundle, a folder below `shared_assets` (see `camruntime.bundle.package`). A
lower precision is there only if its maps are those in float32.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from camexport._package_inputs import (
    LOWER,
    by_precision,
    preferred_precisions,
    require_beside,
    require_preferred,
)
from camexport.bundles import staged
from camexport.errors import FidelityError, UnsupportedError
from camexport.precision import is_faithful, read_calibration, reduce_into
from camruntime.bundle import (
    EXACT,
    MANIFEST,
    Bundle,
    Package,
    Precision,
    Variant,
    asset_uri,
    digest_file,
    open_bundle,
    open_package,
    package_of,
    plain_files,
    verified_folder,
)
from camruntime.edge_model import EDGES


@dataclass(frozen=True, kw_only=True)
class PackageOptions:
    """What `camexport package` is told.

    Attributes:
        bundles: one in float32, and others of the same network in lower precision; what is not
            there is made of the first.
        out: the package's directory.
        calibrate: folder of photographs, as for a build; without it int8 is not made.
        prefer: pairs of a provider, short or in full, and the precision that it takes where nobody
            names a variant; of all others it is float32.
        force: replace what is there.
    """

    bundles: tuple[Path, ...]
    out: Path
    calibrate: Path | None = None
    prefer: tuple[tuple[str, str], ...] = ()
    force: bool = False


@dataclass(frozen=True)
class Packaged:
    """A finished package, and by precision why one is not in it."""

    package: Package
    left_out: Mapping[str, str]


def write_package(options: PackageOptions) -> Packaged:
    """Write a model package.

    Raises:
        BundleError: what was given is no bundle, or damaged.
        OptionError: bundles that do not go together or are signed, or another option that cannot
            be.
        FidelityError: a precision that a provider prefers is left out.
        OutputError: `out` is in use or cannot be written. Nothing is left behind, as of all others.
    """
    given = by_precision(options.bundles)
    preferred = preferred_precisions(options.prefer)
    require_beside(options.out, options.bundles)
    left_out = _without_photographs(given, options.calibrate)
    require_preferred(preferred, left_out)  # before fp16 is judged, which takes minutes
    with staged(options.out, options.force) as stage:
        places: dict[str, Path] = {EXACT: _copied(given[EXACT], stage / EXACT)}
        for precision in LOWER:
            if precision not in left_out:
                _lower_or_say(precision, given, options.calibrate, places, left_out)
        require_preferred(preferred, left_out)
        variants = {name: _as_asset(place, preferred) for name, place in places.items()}
        package_of(variants, f"camexport {version('camexport')}").write(stage)
        verified_folder(stage)
    return Packaged(open_package(options.out), left_out)


def _without_photographs(given: Mapping[str, Bundle], calibrate: Path | None) -> dict[str, str]:
    """Why int8 is left out, where it is neither given nor can be made."""
    if calibrate is not None or "int8" in given:
        return {}
    return {"int8": "it is fitted to photographs, and none were given: say --calibrate FOLDER"}


def _lower_or_say(
    precision: Precision,
    given: Mapping[str, Bundle],
    calibrate: Path | None,
    places: dict[str, Path],
    left_out: dict[str, str],
) -> None:
    """Add the bundle in this precision to `places`, beside float32's; or to `left_out` why not."""
    place = places[EXACT].with_name(precision)
    try:
        _lower(precision, given, calibrate, place)
    except (FidelityError, UnsupportedError) as error:
        reason = error.reason if isinstance(error, FidelityError) else str(error)
        left_out[precision] = " ".join(reason.split())
        shutil.rmtree(place, ignore_errors=True)
    else:
        places[precision] = place


def _lower(
    precision: Precision, given: Mapping[str, Bundle], calibrate: Path | None, place: Path
) -> None:
    """Write the bundle in this precision into the new folder `place`: a copy, or made of float32's.

    Raises:
        FidelityError: its maps are not those in float32.
        UnsupportedError: the graphs cannot be had in it.
    """
    if precision in given:
        measured = given[precision].manifest.fidelity
        failed = [one for one in measured if not is_faithful(one)]
        if failed or not measured:
            figures = "; ".join(map(str, failed)) or "nobody has measured them"
            raise FidelityError(f"its maps are not those in float32: {figures}")
        _copied(given[precision], place)
        return
    exact = given[EXACT]
    calibration = read_calibration(precision, calibrate, exact.manifest.input)
    assert calibration is not None  # there is one for every precision but float32
    place.mkdir()
    reduce_into(exact, place, calibration)
    _copy(_edge_model(exact.folder), exact.folder, place)


def _copied(bundle: Bundle, place: Path) -> Path:
    """A copy of the bundle's files, in the new folder `place`."""
    manifest = bundle.manifest
    files = [MANIFEST, manifest.weights.file, *(one.file for one in manifest.graphs.values())]
    place.mkdir()
    _copy([*files, *_edge_model(bundle.folder)], bundle.folder, place)
    return place


def _copy(names: Sequence[str], source: Path, target: Path) -> None:
    for name in names:
        shutil.copyfile(source / name, target / name)


def _edge_model(folder: Path) -> list[str]:
    """Files of the edge model in a bundle, which its manifest does not name."""
    names = [EDGES, Path(EDGES).with_suffix(".json").name]
    return [name for name in names if (folder / name).is_file()]


def _as_asset(place: Path, preferred: Mapping[str, str]) -> Variant:
    """The bundle in `place`, moved to where its files' digest says."""
    manifest = open_bundle(place).manifest
    uri = asset_uri({name: digest_file(place / name) for name in plain_files(place)})
    variant = Variant(
        asset=uri,
        providers=tuple(name for name, one in preferred.items() if one == manifest.precision),
        graphs={name: graph.file for name, graph in manifest.graphs.items()},
    )
    target = place.parent / variant.place
    target.parent.mkdir(exist_ok=True)
    place.rename(target)
    return variant
