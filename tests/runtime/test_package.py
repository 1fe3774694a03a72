"""Model packages: which variant is taken, by whom it is named, and what `manifest.json` says."""

from __future__ import annotations

import hashlib
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import camruntime
from camruntime.bundle import Variant, asset_uri, open_any, package_of
from camruntime.cli.app import app
from camruntime.errors import BundleError
from camruntime.maps import FloatArray
from manifests import edit_manifest, setting
from packages import INSPECTOR, PHOTO, variant_folder, write_package

CPU = "CPUExecutionProvider"
ASSETS = [f"sha256:{digit * 64}" for digit in "ab"]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return write_package(tmp_path / "package")


def _raw(explainer: camruntime.Explainer) -> FloatArray:
    return explainer.explain(PHOTO, target=2).raw


def test_float32_is_taken_where_nobody_prefers_another(
    package: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "camruntime"):
        explainer = camruntime.load(package, ["cpu"])
    np.testing.assert_array_equal(_raw(explainer), _raw(camruntime.load(INSPECTOR, ["cpu"])))
    assert explainer.bundle.manifest.precision == "float32"
    assert caplog.messages[0] == f"{package}: variant float32, which is that of {CPU}"


def test_a_variant_that_is_named_is_taken(package: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "camruntime"):
        explainer = camruntime.load(package, ["cpu"], variant="fp16")
    by_itself = camruntime.load(variant_folder(package, "fp16"), ["cpu"])
    np.testing.assert_array_equal(_raw(explainer), _raw(by_itself))
    assert not np.array_equal(_raw(explainer), _raw(camruntime.load(INSPECTOR, ["cpu"])))
    assert explainer.explain(PHOTO).provenance.weights.endswith(", fp16")
    assert caplog.messages[0] == f"{package}: variant fp16, as it was asked for"


def test_the_package_says_what_a_provider_takes(tmp_path: Path) -> None:
    """By whoever wrote it; a name that somebody gives counts more."""
    package = write_package(tmp_path / "p", fp16_for=(CPU,))
    assert camruntime.load(package, ["cpu"]).bundle.manifest.precision == "fp16"
    assert camruntime.load(package).bundle.manifest.precision == "fp16"
    named = camruntime.load(package, ["cpu"], variant="float32")
    assert named.bundle.manifest.precision == "float32"
    np.testing.assert_array_equal(_raw(named), _raw(camruntime.load(INSPECTOR, ["cpu"])))


def test_a_wrong_name_names_those_that_exist(package: Path) -> None:
    with pytest.raises(BundleError, match=r"has no variant 'float16': it has float32, fp16$"):
        camruntime.load(package, ["cpu"], variant="float16")
    with pytest.raises(BundleError, match=r"is no model package .*got 'fp16': leave the variant"):
        camruntime.load(INSPECTOR, ["cpu"], variant="fp16")
    with pytest.raises(BundleError, match=r"not a bundle but a model package: each folder in"):
        camruntime.open_bundle(package)


@pytest.mark.parametrize("variant", ["", 0, False, ["fp16"], b"fp16"])
def test_what_is_no_name_is_not_taken_for_no_wish(package: Path, variant: object) -> None:
    with pytest.raises(BundleError, match=r"has no variant .*: it has float32, fp16$"):
        camruntime.load(package, ["cpu"], variant=variant)  # type: ignore[arg-type]


@pytest.mark.parametrize(("named", "wanted"), [(None, "fp16"), ("float32", "float32")])
def test_a_reload_takes_the_new_package_and_the_same_choice(
    tmp_path: Path, named: str | None, wanted: str
) -> None:
    """Which one a provider takes is asked anew."""
    package = write_package(tmp_path / "p")
    explainer = camruntime.load(package, ["cpu"], variant=named)
    before = _raw(explainer)
    shutil.rmtree(package)
    write_package(package, fp16_for=(CPU,))
    explainer.reload()
    assert explainer.bundle.manifest.precision == wanted
    assert np.array_equal(_raw(explainer), before) == (named is not None)
    shutil.rmtree(package)
    shutil.copytree(INSPECTOR, package)
    if named is None:
        explainer.reload()
        assert explainer.bundle.package is None
        np.testing.assert_array_equal(_raw(explainer), before)
    else:
        with pytest.raises(BundleError, match="is no model package"):
            explainer.reload()


def test_a_folder_is_named_after_all_names_and_digests() -> None:
    """By hand: a line for each file, in the order of its bytes: capitals, small ones, others."""
    digests = {"b": "1" * 64, "é": "2" * 64, "C": "3" * 64}
    text = f"{'3' * 64}  C\n{'1' * 64}  b\n{'2' * 64}  é\n"
    assert asset_uri(digests) == "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def test_what_onnx_runtime_reads_in_it() -> None:
    """One provider for each of its variants; without one it opens a variant, and selects it not."""
    graphs = {"head": "head.onnx", "tail": "t.onnx"}
    exact = Variant(asset=ASSETS[0], providers=(CPU, "CUDAExecutionProvider"), graphs=graphs)
    other = Variant(asset=ASSETS[1], providers=(), graphs=graphs)
    found = package_of({"float32": exact, "int8": other}, "x").document()
    own = found.pop("additional_metadata")
    assert isinstance(own, dict)
    assert [*own] == ["camexport"]

    def body(asset: str, file: str) -> dict[str, object]:
        return {
            "variant_directory": f"shared_assets/sha256-{asset[7:]}",
            "executor_info": {"ort": {"model_file": f"{asset}/{file}"}},
        }

    assert found == {
        "schema_version": "1.0",
        "layout": "portable",
        "components": {
            name: {
                "variants": {
                    "float32-cpu": {"ep": CPU, **body(ASSETS[0], file)},
                    "float32-cuda": {"ep": "CUDAExecutionProvider", **body(ASSETS[0], file)},
                    "int8": body(ASSETS[1], file),
                }
            }
            for name, file in graphs.items()
        },
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"asset": "sha256:../../x"}, "expected sha256: and 64 digits"),
        ({"asset": f"sha256:{'A' * 64}"}, "expected sha256: and 64 digits"),
        ({"graphs": {"head": "../head.onnx"}}, "expected a graph's name or file"),
        ({"providers": ("cpu, cuda",)}, "expected a provider's full name"),
    ],
)
def test_a_variant_that_cannot_be(change: dict[str, object], said: str) -> None:
    fields = {"asset": ASSETS[0], "providers": (), "graphs": {"head": "h.onnx"}, **change}
    with pytest.raises(ValueError, match=said):
        Variant(**fields)  # type: ignore[arg-type]


def test_variants_that_contradict_each_other() -> None:
    one = Variant(asset=ASSETS[0], providers=(CPU,), graphs={"head": "h.onnx"})
    with pytest.raises(ValueError, match="one variant for each provider"):
        package_of({"float32": one, "fp16": one}, "x")
    with pytest.raises(ValueError, match="expected float32 among"):
        package_of({"fp16": one}, "x")
    with pytest.raises(ValueError, match="expected float32 among"):
        package_of({"float32": one, "int4": one}, "x")
    more = Variant(asset=ASSETS[1], providers=(), graphs={"head": "h.onnx", "tail": "t.onnx"})
    with pytest.raises(ValueError, match="the same graphs"):
        package_of({"float32": one, "fp16": more}, "x")


def test_info_shows_the_variants(tmp_path: Path) -> None:
    package = write_package(tmp_path / "p", ("CUDAExecutionProvider",), (CPU,))
    done = CliRunner().invoke(app, ["info", str(package)], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert "variant float32  0.9 MB of weights; taken on cpu, and wherever no other" in done.output
    assert "variant fp16  0.9 MB of weights; taken on cuda" in done.output
    assert "precision  float32" in done.output
    named = CliRunner().invoke(app, ["info", str(package), "--variant", "fp16"])
    assert "precision  fp16" in named.output
    bundle = CliRunner().invoke(app, ["info", str(INSPECTOR)])
    assert "variant" not in bundle.output


def test_commands_take_a_variant(package: Path, tmp_path: Path) -> None:
    arguments = ["explain", str(package), str(PHOTO), "--provider", "cpu", "--target", "2"]
    for variant in ("float32", "fp16"):
        out = tmp_path / variant
        done = CliRunner().invoke(app, [*arguments, "--variant", variant, "--out", str(out)])
        assert done.exit_code == 0, done.output
        assert f"computing on {CPU}, variant {variant}\n" in done.output
        wanted = _raw(camruntime.load(variant_folder(package, variant), ["cpu"]))
        (found,) = out.glob("*.npy")
        np.testing.assert_array_equal(np.load(found), wanted)


def test_bench_measures_the_variant(package: Path) -> None:
    arguments = ["bench", str(package), str(PHOTO), "--repeat", "1", "--variant", "fp16"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "variant fp16, threads" in " ".join(done.output.split())


def test_a_bundle_with_another_manifest_json_is_a_bundle(tmp_path: Path) -> None:
    """Other files in its directory mean nothing."""
    shutil.copytree(INSPECTOR, tmp_path / "b")
    (tmp_path / "b" / "manifest.json").write_text("{}")
    assert open_any(tmp_path / "b").package is None


def test_sanity_compares_a_variant_with_bundles(package: Path, tmp_path: Path) -> None:
    """The randomised networks are bundles, which have no variants."""
    shutil.copytree(INSPECTOR, tmp_path / "random" / "1")
    edit_manifest(tmp_path / "random" / "1", setting("source", "digest", to="0" * 64))
    arguments = ["sanity", package, tmp_path / "random", PHOTO, "--provider", "cpu"]
    done = CliRunner().invoke(app, [*map(str, arguments), "--variant", "fp16"])
    assert done.exit_code == 0, done.output
    assert "recipro-cam" in done.output
