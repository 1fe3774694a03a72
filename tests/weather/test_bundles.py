"""A bundle that is damaged, edited, replaced while it is used, or made to harm."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import camruntime
from camruntime.bundle import MANIFEST, open_bundle
from camruntime.bundle.opening import parse_manifest
from camruntime.errors import BundleError
from manifests import edit_manifest, setting

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"
PHOTO = INSPECTOR / "samples" / "crack-1.png"
METHODS = ("recipro-cam", "grad-cam", "score-cam")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copied = shutil.copytree(
        INSPECTOR, tmp_path / "bundle", ignore=shutil.ignore_patterns("samples")
    )
    return Path(copied)


def _other(folder: Path) -> Path:
    """A bundle of the same network with other weights, and digests that fit."""
    other = Path(shutil.copytree(folder, folder.parent / "other"))
    weights = other / "weights.bin"
    values = np.frombuffer(weights.read_bytes(), np.float32)
    weights.write_bytes((values[::-1] * np.float32(0.5)).tobytes())
    digest = camruntime.bundle.digest_file(weights)

    def change(manifest: dict[str, Any]) -> None:
        manifest["weights"]["sha256"] = manifest["source"]["digest"] = digest
        manifest["labels"] = [*"abcde"]

    edit_manifest(other, change)
    return other


def _copied_over(source: Path, target: Path) -> None:
    for file in source.iterdir():
        (target / file.name).write_bytes(file.read_bytes())


def _renamed(source: Path, target: Path) -> None:
    target.rename(target.parent / "old")
    source.rename(target)


def _emptied(_source: Path, target: Path) -> None:
    for file in target.iterdir():
        file.write_bytes(b"")


def _removed(_source: Path, target: Path) -> None:
    shutil.rmtree(target)


@pytest.mark.parametrize("replace", [_copied_over, _renamed, _emptied, _removed])
@pytest.mark.parametrize("opened", [False, True])
def test_a_bundle_replaced_while_it_is_used(
    folder: Path, replace: Callable[[Path, Path], None], opened: bool
) -> None:
    """What is open answers as before; what would be opened now is refused."""
    wanted = [one.raw for one in _maps(camruntime.load(INSPECTOR, ["cpu"]))]
    explainer = camruntime.load(folder, ["cpu"])
    if opened:
        _maps(explainer)
    replace(_other(folder), folder)
    if opened:
        for found, raw in zip(_maps(explainer), wanted, strict=True):
            np.testing.assert_array_equal(found.raw, raw)
    else:
        with pytest.raises(BundleError, match=r"changed since the bundle was opened: .*reload"):
            explainer.explain(PHOTO)


def test_a_method_that_needs_another_graph_is_refused_once_files_changed(folder: Path) -> None:
    explainer = camruntime.load(folder, ["cpu"])
    explainer.explain(PHOTO, "recipro-cam")
    _copied_over(_other(folder), folder)
    with pytest.raises(BundleError, match=r"weights\.bin changed since"):
        explainer.explain(PHOTO, "grad-cam")
    explainer.explain(PHOTO, "recipro-cam")


def test_a_reload_takes_what_lies_there_now(folder: Path) -> None:
    explainer = camruntime.load(folder, ["cpu"])
    before = _maps(explainer)
    _renamed(_other(folder), folder)
    wanted = _maps(camruntime.load(folder, ["cpu"]))
    explainer.reload()
    assert explainer.labels == (*"abcde",)
    for found, new, old in zip(_maps(explainer), wanted, before, strict=True):
        np.testing.assert_array_equal(found.raw, new.raw)
        assert found.provenance == new.provenance != old.provenance
        assert found.predicted.label in "abcde"
        assert not np.array_equal(found.raw, old.raw)


def test_a_running_stream_goes_on_with_the_new_bundle(folder: Path) -> None:
    """Each picture is prepared and explained by one and the same."""
    explainer = camruntime.load(folder, ["cpu"], chunk=4, threads=1)
    other = _other(folder)
    edit_manifest(other, setting("input", "mean", to=[0.2, 0.3, 0.4]))
    wanted = {
        one.provenance.weights: one.raw
        for one in (camruntime.load(path, ["cpu"]).explain(PHOTO) for path in (folder, other))
    }
    seen = []
    for place, found in enumerate(explainer.explain_each([PHOTO] * 40)):
        np.testing.assert_array_equal(found.raw, wanted[found.provenance.weights])
        seen.append(found.provenance.weights)
        if place == 0:
            _renamed(other, folder)
            explainer.reload()
    assert list(dict.fromkeys(seen)) == [*wanted]


def test_a_reload_that_fails_keeps_what_is_in_use(folder: Path) -> None:
    explainer = camruntime.load(folder, ["cpu"])
    before = _maps(explainer)
    other = _other(folder)
    (other / "weights.bin").write_bytes(b"")
    _renamed(other, folder)
    with pytest.raises(BundleError, match=r"weights\.bin was cut off"):
        explainer.reload()
    shutil.rmtree(folder)
    with pytest.raises(BundleError, match="no bundle at"):
        explainer.reload()
    for found, old in zip(_maps(explainer), before, strict=True):
        np.testing.assert_array_equal(found.raw, old.raw)


def test_sessions_that_are_open_are_open_after_a_reload(folder: Path) -> None:
    """So that what is needed often meets no file that has changed since."""
    explainer = camruntime.load(folder, ["cpu"])
    before = _maps(explainer)
    explainer.reload()
    shutil.rmtree(folder)
    for found, old in zip(_maps(explainer), before, strict=True):
        np.testing.assert_array_equal(found.raw, old.raw)


def _maps(explainer: camruntime.Explainer) -> list[camruntime.Explanation]:
    return [explainer.explain(PHOTO, method, target=2) for method in METHODS]


def test_every_flipped_bit_of_the_manifest_is_refused_or_says_the_same() -> None:
    file = INSPECTOR / MANIFEST
    data = file.read_bytes()
    good, same = parse_manifest(data, file), 0
    for place in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[place] ^= 1 << bit
            with contextlib.suppress(BundleError):
                assert parse_manifest(bytes(flipped), file) == good
                same += 1
    assert same < 100, "spaces for other white space"


@pytest.mark.parametrize("place", [("arguments",), ()])
def test_names_of_fields_do_not_steer_the_terminal(folder: Path, place: tuple[str, ...]) -> None:
    edit_manifest(folder, setting(*place, "\x1b[31m" + "x" * 999, to=3))
    with pytest.raises(BundleError, match=r"\\x1b\[31m") as raised:
        open_bundle(folder)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 700


def test_how_the_manifest_is_laid_out_does_not_count(folder: Path) -> None:
    content = json.loads((folder / MANIFEST).read_text())
    turned = dict(reversed(content.items()))
    (folder / MANIFEST).write_text(json.dumps(turned, ensure_ascii=True))
    assert open_bundle(folder).manifest == open_bundle(INSPECTOR).manifest


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (setting("input", "std", to=[0.5, 0, 0.5]), "finite mean and std above 0"),
        (setting("input", "std", to=[0.5, -1, 0.5]), "finite mean and std above 0"),
        (setting("input", "size", to=[0, 128]), "size of at least 1x1"),
        (setting("input", "resize", to="centre-crop"), "shorter_side None does not go with centre"),
        (setting("input", "shorter_side", to=128), "shorter_side 128 does not go with squash"),
        (setting("labels", to=["a"]), "as many labels as classes, got 1 and 5"),
        (setting("classes", to=4), "as many labels as classes, got 5 and 4"),
        (setting("answer", "threshold", to=1.0), "a threshold between 0 and 1"),
        (setting("answer", "one_logit", to=True), "tells two classes apart, not 5"),
        (setting("layer", "spatial", to=[16, 8]), "is not that of"),
        (setting("layer", "tokens", to=-1), "0 tokens or more"),
        (setting("graphs", to={}), "expected the graphs"),
        (setting("graphs", "surprise", to={}), "surprise"),
        (setting("graphs", "head", "inputs", to=["picture"]), r"graph 'head', got .*picture"),
        (setting("graphs", "tail", "outputs", to=["logits", "more"]), r"'tail', got .*more"),
        (setting("layer", "tokens", to=1), r"'activations', 'tokens'"),
        (setting("graphs", "head", "file", to="tail.onnx"), "expected a file for each"),
        (setting("graphs", "head", "sha256", to="ABC"), "expected a SHA-256 of head.onnx"),
        (setting("graphs", "tail", "shared", 0, "offset", to=10**9), "behind the end"),
        (setting("graphs", "tail", "shared", 0, "offset", to=-4), "no weights lie at -4"),
        (setting("graphs", "tail", "shared", 0, "dtype", to="object"), "no weights lie at"),
        (setting("weights", "bytes", to=866_177), "was cut off or changed: 866176 bytes"),
        (setting("opset", to=10**400), "the number 1000.* has 401 digits"),
        (setting("opset", to=1e400), "Infinity is no JSON"),
        (setting("model", to=json.loads("[" * 40 + "]" * 40)), "nested deeper than 32"),
    ],
)
def test_a_manifest_that_means_nothing(
    folder: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    content = json.loads((folder / MANIFEST).read_text())
    change(content)
    (folder / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(BundleError):
        open_bundle(folder)
    with contextlib.suppress(ValueError):  # what is no JSON cannot be sealed
        edit_manifest(folder, lambda manifest: None)
    with pytest.raises(BundleError, match=said):
        open_bundle(folder)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"classes": 5,', '"classes": 5, "classes": 5,', "key 'classes' is there twice"),
        ('"opset": 20', '"opset": ' + "9" * 5000, "has 5000 digits"),
        ('"threshold": 0.5', '"threshold": 1e999', "1e999 is too large"),
        ('"model": "inspector"', '"model": ' + "[" * 100_000, "nested too deep"),
        ('"seed": null', '"seed": NaN', "NaN is no JSON"),
        ("{", "", "Extra data"),
    ],
)
def test_json_that_others_would_read_in_another_way(
    folder: Path, before: str, after: str, said: str
) -> None:
    text = (folder / MANIFEST).read_text()
    (folder / MANIFEST).write_text(text.replace(before, after, 1))
    with pytest.raises(BundleError, match=said) as raised:
        open_bundle(folder)
    assert len(str(raised.value)) < 300


NAMES = ["../weights.bin", "/etc/hostname", "..", ".", "", "a/b", "a\\b", "C:x", "a\0b", "x" * 300]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", ["graphs", "weights"])
def test_a_file_is_named_in_the_bundle_s_own_folder(folder: Path, place: str, name: str) -> None:
    path = ("graphs", "head", "file") if place == "graphs" else ("weights", "file")
    edit_manifest(folder, setting(*path, to=name))
    with pytest.raises(BundleError, match="expected the name of a file in the bundle's folder"):
        open_bundle(folder)


@pytest.mark.parametrize("name", ["weights.bin", "head.onnx", MANIFEST])
def test_what_is_no_file_is_not_waited_for(folder: Path, name: str) -> None:
    for make in (os.mkfifo, Path.mkdir):
        (folder / name).unlink(missing_ok=True)
        make(folder / name)
        with pytest.raises(BundleError, match="is no file, expected one"):
            open_bundle(folder)
        (folder / name).rmdir() if (folder / name).is_dir() else (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    with pytest.raises(BundleError, match="is no file, expected one"):
        open_bundle(folder)


def test_a_store_may_keep_the_weights_elsewhere(folder: Path) -> None:
    """As model hubs do: links are followed, and the digest says what is behind them."""
    store = folder.parent / "blobs"
    store.mkdir()
    (folder / "weights.bin").rename(store / "0123")
    (folder / "weights.bin").symlink_to(Path("..") / "blobs" / "0123")
    wanted = camruntime.load(INSPECTOR, ["cpu"]).explain(PHOTO)
    np.testing.assert_array_equal(camruntime.load(folder, ["cpu"]).explain(PHOTO).raw, wanted.raw)
    (folder / "weights.bin").unlink()
    (folder / "weights.bin").symlink_to(INSPECTOR / "head.onnx")
    with pytest.raises(BundleError, match=r"weights\.bin was cut off or changed"):
        open_bundle(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (setting("input", "size", to=[64, 64]), r"image \['n', 3, 128, 128\], .*\(n, 3, 64, 64\)"),
        (setting("layer", "shape", to=[48, 16, 16]), r"activations \['n', 96, 16, 16\]"),
    ],
)
def test_a_manifest_of_other_graphs(
    folder: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    """Whoever changed it gave it a new digest."""
    edit_manifest(folder, change)
    explainer = camruntime.load(folder, ["cpu"])
    with pytest.raises(BundleError, match=said):
        explainer.explain(PHOTO)


def test_labels_for_more_classes_than_the_tail_has(folder: Path) -> None:
    edit_manifest(folder, lambda manifest: manifest.update(classes=6, labels=[*"abcdef"]))
    with pytest.raises(BundleError, match=r"logits \['.*', 5\], its bundle\.json says \(n, 6\)"):
        camruntime.load(folder, ["cpu"]).explain(PHOTO)


def test_weights_under_another_name_than_the_graphs_have(folder: Path) -> None:
    (folder / "weights.bin").rename(folder / "others.bin")
    edit_manifest(folder, setting("weights", "file", to="others.bin"))
    with pytest.raises(camruntime.CamError, match=r"head_cells\.onnx"):
        camruntime.load(folder, ["cpu"]).explain(PHOTO)


def test_every_flipped_byte_of_graphs_and_weights_is_found(folder: Path) -> None:
    """Spread over each file, its ends among them."""
    files = [file for file in sorted(folder.iterdir()) if file.name != MANIFEST]
    assert len(files) == 9
    for file in files:
        data = file.read_bytes()
        for place in np.linspace(0, len(data) - 1, 36, dtype=int):
            file.write_bytes(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :])
            with pytest.raises(BundleError, match=f"{file.name} was changed or damaged"):
                open_bundle(folder)
        file.write_bytes(data)
    open_bundle(folder)
