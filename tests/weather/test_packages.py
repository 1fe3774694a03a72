"""A model package that is damaged, edited, replaced while it is used, or made to harm."""

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
from camruntime.bundle import PACKAGE, open_any, open_bundle, open_package, package_of
from camruntime.bundle.package import parse_package
from camruntime.errors import BundleError
from manifests import edit_manifest, setting
from packages import INSPECTOR, PHOTO, edit_package, variant_folder, write_package

Change = Callable[[Path], object]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return write_package(tmp_path / "package")


def _flip(file: str) -> Change:
    def change(folder: Path) -> None:
        data = bytearray((folder / file).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / file).write_bytes(data)

    return change


def _link(file: str) -> Change:
    """In its place, to the very same content outside."""

    def change(folder: Path) -> None:
        (folder / file).rename(folder.parents[2] / "away")
        (folder / file).symlink_to(folder.parents[2] / "away")

    return change


def _linked_folder(folder: Path) -> None:
    folder.rename(folder.parents[2] / "away")
    folder.symlink_to(folder.parents[2] / "away")


def _linked_above(folder: Path) -> None:
    _linked_folder(folder.parent)


DAMAGE: dict[str, tuple[Change, str]] = {
    "graph": (_flip("head.onnx"), r"head\.onnx was changed or damaged"),
    "weights": (_flip("weights.bin"), r"weights\.bin was changed or damaged"),
    "bundle.json": (_flip("bundle.json"), r"bundle\.json"),
    "removed": (lambda folder: (folder / "tail.onnx").unlink(), r"tail\.onnx is named .* missing"),
    "added": (lambda folder: (folder / ".DS_Store").touch(), r"files \(.*\.DS_Store.*\) make sha"),
    "folder": (lambda folder: (folder / "x").mkdir(), r"x is no file, or a link"),
    "pipe": (lambda folder: os.mkfifo(folder / "x"), r"x is no file, or a link"),
    "link": (_link("weights.bin"), r"weights\.bin is no file, or a link"),
    "linked folder": (_linked_folder, "is a link, which leads out of the package"),
    "linked above": (_linked_above, "is a link, which leads out of the package"),
    "gone": (shutil.rmtree, "is missing or cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_variant_is_refused_and_the_other_opens(package: Path, damage: str) -> None:
    change, said = DAMAGE[damage]
    change(variant_folder(package, "fp16"))
    with pytest.raises(BundleError, match=said) as raised:
        open_any(package, variant="fp16")
    assert "\n" not in str(raised.value)
    if damage != "linked above":
        assert open_any(package).manifest.precision == "float32"


def test_a_bundle_with_right_digests_in_the_place_of_another(package: Path) -> None:
    """What bundle.json says of its own files is not enough."""
    there = variant_folder(package, "fp16")
    shutil.rmtree(there)
    shutil.copytree(INSPECTOR, there, ignore=shutil.ignore_patterns("samples"))
    with pytest.raises(BundleError, match="was changed or damaged: its files"):
        open_any(package, variant="fp16")


def test_variants_under_each_other_s_names(package: Path) -> None:
    def swap(own: dict[str, Any]) -> None:
        one, other = own["variants"]["float32"], own["variants"]["fp16"]
        one["asset"], other["asset"] = other["asset"], one["asset"]

    edit_package(package, swap)
    _derive(package)
    with pytest.raises(BundleError, match=r"is in fp16 with .*manifest\.json says float32"):
        open_any(package)


def _derive(package: Path) -> None:
    """Let what ONNX Runtime reads follow from the fields of ours again."""
    own = json.loads((package / PACKAGE).read_text())["additional_metadata"]["camexport"]
    wanted = json.loads((package / PACKAGE).read_text())
    for graph, component in wanted["components"].items():
        for name, body in component["variants"].items():
            one = own["variants"][name]
            body["variant_directory"] = f"shared_assets/{one['asset'].replace(':', '-')}"
            file = f"{one['asset']}/{one['graphs'][graph]}"
            body["executor_info"]["ort"]["model_file"] = file
    (package / PACKAGE).write_text(json.dumps(wanted))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema_version",), "1.1"),
        (("layout",), "installed"),
        (("package_name",), "another"),
        (("shared_assets",), {"sha256:" + "0" * 64: "elsewhere"}),
        (("components", "head", "variants", "fp16", "ep"), "CPUExecutionProvider"),
        (("components", "head", "variants", "fp16", "variant_directory"), "../away"),
        (
            ("components", "tail", "variants", "fp16", "executor_info", "ort", "model_file"),
            "../../tail.onnx",
        ),
        (("components", "more"), {"variants": {}}),
        (("additional_metadata", "others"), {}),
    ],
)
def test_onnx_runtime_shall_not_read_something_else(
    package: Path, path: tuple[str, ...], value: object
) -> None:
    content = json.loads((package / PACKAGE).read_text())
    setting(*path, to=value)(content)
    (package / PACKAGE).write_text(json.dumps(content))
    with pytest.raises(BundleError, match="ONNX Runtime would read something else"):
        open_any(package)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (setting("schema_version", to=2), "version 2 of its fields, this camruntime reads 1"),
        (setting("schema_version", to=True), "something else|expected int"),
        (setting("surprise", to=1), "surprise: not a known field"),
        (setting("variants", to={}), "expected float32 among"),
        (setting("variants", "fp16", "asset", to="sha256:..%2f"), "expected sha256: and 64 digits"),
        (setting("variants", "fp16", "providers", to="cuda"), "expected a list"),
        (
            setting("variants", "fp16", "graphs", "head", to="../x"),
            "expected a graph's name or file",
        ),
    ],
)
def test_a_manifest_that_means_nothing(
    package: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    edit_package(package, change)
    with pytest.raises(BundleError, match=said) as raised:
        open_any(package)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Expecting value"),
        ("[]", "of no package that `camexport package` wrote"),
        ('{"schema_version": "1.0", "components": {}}', "of no package that `camexport package`"),
        ('{"a": 1, "a": 2}', "the key 'a' is there twice"),
        ('{"additional_metadata": {"camexport": {"schema_version": 1}}}', "manifest_sha256"),
        ("[" * 100_000, "nested too deep"),
        (" " * (2**24 + 1), "larger than any"),
    ],
)
def test_a_package_that_somebody_else_wrote(package: Path, text: str, said: str) -> None:
    (package / PACKAGE).write_text(text)
    with pytest.raises(BundleError, match=said) as raised:
        camruntime.load(package, ["cpu"])
    assert "\n" not in str(raised.value)


def test_every_flipped_bit_of_the_manifest_is_refused_or_says_the_same(package: Path) -> None:
    file = package / PACKAGE
    data = file.read_bytes()
    good, same = parse_package(data, file), 0
    for place in range(0, len(data), 5):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[place] ^= 1 << bit
            with contextlib.suppress(BundleError):
                assert parse_package(bytes(flipped), file) == good
                same += 1
    assert same < 1000, "spaces for other white space"


def test_files_that_are_overwritten_while_they_are_used(package: Path) -> None:
    explainer = camruntime.load(package, ["cpu"], variant="fp16")
    for file in variant_folder(package, "float32").iterdir():
        (variant_folder(package, "fp16") / file.name).write_bytes(file.read_bytes())
    with pytest.raises(BundleError, match="changed since the bundle was opened"):
        explainer.explain(PHOTO)


def test_what_is_open_answers_when_the_package_is_gone(package: Path) -> None:
    explainer = camruntime.load(package, ["cpu"])
    before = explainer.explain(PHOTO, target=2).raw
    shutil.rmtree(package)
    np.testing.assert_array_equal(explainer.explain(PHOTO, target=2).raw, before)
    with pytest.raises(BundleError, match="no bundle at"):
        explainer.reload()
    np.testing.assert_array_equal(explainer.explain(PHOTO, target=2).raw, before)


def test_a_link_may_say_which_package_is_used(package: Path, tmp_path: Path) -> None:
    """Of the folder itself, as deploying has it; in it there are none."""
    (tmp_path / "current").symlink_to(package)
    assert open_any(tmp_path / "current", variant="fp16").manifest.precision == "fp16"


def test_a_package_replaced_while_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its manifest.json was read, then it gave way to one without that variant."""
    package = write_package(tmp_path / "p", fp16_for=("CPUExecutionProvider",))
    other = write_package(tmp_path / "other")
    variants = open_package(other).manifest.variants
    shutil.rmtree(variant_folder(other, "fp16"))
    package_of({"float32": variants["float32"]}, "x").write(other)
    read = open_package

    def replaced(*arguments: Any) -> Any:
        found = read(*arguments)
        if other.exists():
            shutil.rmtree(package)
            other.rename(package)
        return found

    monkeypatch.setattr("camruntime.bundle.choosing.open_package", replaced)
    found = open_any(package, provider="CPUExecutionProvider")
    assert found.manifest.precision == "float32"


def test_a_bundle_json_that_is_another_one_by_then(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is hashed is the right one, but what was parsed is not."""
    there, given = variant_folder(package, "fp16"), open_bundle

    def opened(folder: Path) -> Any:
        right = (there / "bundle.json").read_bytes()
        edit_manifest(there, lambda manifest: manifest["labels"].reverse())
        found = given(folder)
        (there / "bundle.json").write_bytes(right)
        return found

    monkeypatch.setattr("camruntime.bundle.opening_package.open_bundle", opened)
    with pytest.raises(BundleError, match=r"bundle\.json changed while it was opened"):
        open_any(package, variant="fp16")
