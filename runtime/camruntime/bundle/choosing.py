"""A bundle, or one variant of a model package: whatever lies at a path.

Of a package that variant is taken which somebody named; else the one that `manifest.json` has for
the provider, which is float32 unless whoever wrote the package preferred another.
"""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

from camruntime._text import shown
from camruntime.bundle.opening import Bundle, open_bundle, unless_replaced
from camruntime.bundle.opening_package import is_package, open_package
from camruntime.bundle.package import EXACT, PACKAGE
from camruntime.errors import BundleError

_log = logging.getLogger(__name__)


def open_any(
    path: str | Path,
    require_signature: str | Path | None = None,
    variant: str | None = None,
    provider: str | None = None,
) -> Bundle:
    """The bundle in directory `path`, or one variant of the model package there.

    Args:
        path: of the directory.
        require_signature: as of `open_bundle`.
        variant: of a package, by name; None takes that of `provider`.
        provider: in full; None takes float32's.

    Raises:
        BundleError: as of `open_bundle`; or a variant was named that is not there, or of a bundle.
    """
    folder = Path(path)
    if not is_package(folder):
        if variant is not None:
            raise BundleError(
                f"{folder} is no model package and has no variants, got {shown(variant)}: leave "
                "the variant out, or give a directory that `camexport package` wrote"
            )
        return open_bundle(folder, require_signature)

    def opened() -> Bundle:
        package = open_package(folder, require_signature)
        usual = package.manifest.variant_for(provider) if provider else EXACT
        chosen = usual if variant is None else variant  # an empty text is no variant
        return dataclasses.replace(package.open(chosen), package=folder, named=variant)

    return unless_replaced(folder / PACKAGE, opened)


def suited(bundle: Bundle, provider: str, require_signature: str | Path | None = None) -> Bundle:
    """`bundle`; or, of a package where nobody named a variant, the variant of `provider`.

    Which variant it is goes into the log.

    Raises:
        BundleError: as of `open_any`.
    """
    if bundle.package is None:
        return bundle
    if bundle.named is None:
        manifest = open_package(bundle.package).manifest
        if manifest.variant_for(provider) != bundle.manifest.precision:
            bundle = open_any(bundle.package, require_signature, None, provider)
    why = "as it was asked for" if bundle.named else f"which is that of {provider}"
    _log.info("%s: variant %s, %s", bundle.package, bundle.manifest.precision, why)
    return bundle


def open_again(bundle: Bundle, provider: str, require_signature: str | Path | None) -> Bundle:
    """What lies at the bundle's path now: of a package the variant that was named, or suits.

    Raises:
        BundleError: as of `open_any`.
    """
    place = bundle.package or bundle.folder
    return suited(
        open_any(place, require_signature, bundle.named, provider), provider, require_signature
    )
