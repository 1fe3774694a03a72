"""Model packages of the shipped bundle, made without camexport."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from camruntime.bundle import PACKAGE, Variant, asset_uri, digest_file, open_bundle, package_of
from camruntime.bundle.sealing import SEAL, sealed
from manifests import edit_manifest

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"
PHOTO = INSPECTOR / "samples" / "crack-1.png"


def write_package(
    folder: Path, fp16_for: tuple[str, ...] = (), float32_for: tuple[str, ...] = ()
) -> Path:
    """float32 is the shipped bundle; fp16 is called so, and has the weights times 3/4."""
    folder.mkdir()
    exact = _copied(INSPECTOR, folder / "exact")
    other = _copied(INSPECTOR, folder / "other")
    values = np.frombuffer((other / "weights.bin").read_bytes(), np.float32)
    (other / "weights.bin").write_bytes((values * np.float32(0.75)).tobytes())

    def change(manifest: dict[str, Any]) -> None:
        manifest["weights"]["sha256"] = digest_file(other / "weights.bin")
        manifest["precision"] = "fp16"

    edit_manifest(other, change)
    variants = {"float32": _asset(exact, float32_for), "fp16": _asset(other, fp16_for)}
    package_of(variants, "a test").write(folder)
    return folder


def edit_package(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Let `change` edit the fields of ours in `manifest.json`, then seal them."""
    file = folder / PACKAGE
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    own = content["additional_metadata"]["camexport"]
    own.pop(SEAL)
    change(own)
    content["additional_metadata"]["camexport"] = sealed(own)
    file.write_text(json.dumps(content), encoding="utf-8")


def variant_folder(folder: Path, variant: str) -> Path:
    """Where a variant lies."""
    content = json.loads((folder / PACKAGE).read_text(encoding="utf-8"))
    asset = content["additional_metadata"]["camexport"]["variants"][variant]["asset"]
    return folder / "shared_assets" / str(asset).replace(":", "-")


def _copied(source: Path, target: Path) -> Path:
    return Path(shutil.copytree(source, target, ignore=shutil.ignore_patterns("samples")))


def _asset(bundle: Path, providers: tuple[str, ...]) -> Variant:
    digests = {file.name: digest_file(file) for file in bundle.iterdir()}
    graphs = open_bundle(bundle).manifest.graphs
    one = Variant(
        asset=asset_uri(digests),
        providers=providers,
        graphs={name: graph.file for name, graph in graphs.items()},
    )
    target = bundle.parent / one.place
    target.parent.mkdir(exist_ok=True)
    bundle.rename(target)
    return one
