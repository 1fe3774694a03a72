"""`camexport package` from beginning to end: what goes into a package, and what is refused."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import camruntime
from camexport import cli
from camexport._package_inputs import preferred_precisions
from camexport.build import BuildOptions, build_bundle
from camexport.errors import FidelityError, OptionError, OutputError, UnsupportedError
from camexport.package import PackageOptions, write_package
from camruntime.bundle import MANIFEST, SIGNATURE, Bundle, digest_file, open_bundle
from camruntime.errors import BundleError, CamError
from camruntime.pictures import encode_png
from edge_models import write_edge_model
from manifests import edit_manifest

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"
SMALL = BuildOptions(model="networks:plain", size=(32, 32), mean=(0.5,) * 3, std=(0.25,) * 3)
FILES = {"manifest.json", "shared_assets"}
Give = Callable[..., PackageOptions]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One small network in float32 and fp16, and another one; with photographs."""
    folder = tmp_path_factory.mktemp("bundles")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(Path(__file__).parent)
        patch.syspath_prepend(Path(__file__).parent)
        build_bundle(dataclasses.replace(SMALL, out=folder / "float32"))
        build_bundle(dataclasses.replace(SMALL, out=folder / "fp16", precision="fp16"))
    rng = np.random.default_rng(3)
    (folder / "photos").mkdir()
    for number in range(6):
        picture = rng.integers(0, 256, (4, 4, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        (folder / "photos" / f"{number}.png").write_bytes(encode_png(picture))
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture
def give(bundles: dict[str, Path], tmp_path: Path) -> Give:
    """Options for bundles by their names, into `package`."""

    def options(*names: str, **more: object) -> PackageOptions:
        paths = tuple(bundles[name] for name in names)
        return PackageOptions(bundles=paths, out=tmp_path / "package", **more)  # type: ignore[arg-type]

    return options


def _contents(folder: Path) -> dict[str, str]:
    return {path.name: digest_file(path) for path in folder.iterdir() if path.is_file()}


def _made(options: PackageOptions) -> tuple[dict[str, Bundle], dict[str, str]]:
    made = write_package(options)
    names = made.package.manifest.variants
    return {name: made.package.open(name) for name in names}, dict(made.left_out)


def test_all_three_precisions(bundles: dict[str, Path], give: Give, tmp_path: Path) -> None:
    """float32 byte by byte; fp16 and int8 judged by photographs; weights once for each."""
    variants, left_out = _made(give("float32", calibrate=bundles["photos"]))
    assert left_out == {}
    assert _contents(variants["float32"].folder) == _contents(bundles["float32"])
    for name, images in (("fp16", 6), ("int8", 3)):
        manifest = variants[name].manifest
        assert manifest.precision == name
        assert manifest.source == open_bundle(bundles["float32"]).manifest.source
        assert {(one.inputs, one.images) for one in manifest.fidelity} == {("pictures", images)}
        assert all(one.worst >= 0.999 for one in manifest.fidelity)
    assert len([*(tmp_path / "package").rglob("weights.bin")]) == 3
    assert {path.name for path in (tmp_path / "package").iterdir()} == FILES
    photo = bundles["photos"] / "1.png"
    by_itself = camruntime.load(bundles["float32"], ["cpu"]).explain(photo)
    found = camruntime.load(tmp_path / "package", ["cpu"]).explain(photo)
    np.testing.assert_array_equal(found.raw, by_itself.raw)


def test_without_photographs_int8_is_left_out(give: Give) -> None:
    variants, left_out = _made(give("float32"))
    assert [*variants] == ["float32", "fp16"]
    assert {one.inputs for one in variants["fp16"].manifest.fidelity} == {"noise"}
    assert [*left_out] == ["int8"]
    assert "say --calibrate FOLDER" in left_out["int8"]


def test_bundles_that_are_built_are_taken_as_they_are(bundles: dict[str, Path], give: Give) -> None:
    """In whatever order."""
    variants, _ = _made(give("fp16", "float32"))
    assert _contents(variants["fp16"].folder) == _contents(bundles["fp16"])
    assert _contents(variants["float32"].folder) == _contents(bundles["float32"])


def test_a_precision_with_other_maps_is_left_out(tmp_path: Path) -> None:
    """The inspector's in int8, with the figures and no advice for a build."""
    options = PackageOptions(
        bundles=(INSPECTOR,), out=tmp_path / "p", calibrate=INSPECTOR / "samples"
    )
    variants, left_out = _made(options)
    assert [*variants] == ["float32", "fp16"]
    assert (
        "maps in int8 are not those in float32: recipro-cam correlates by 0.98" in left_out["int8"]
    )
    assert "--precision" not in left_out["int8"]


def test_a_precision_that_cannot_be_had_is_left_out(
    bundles: dict[str, Path], give: Give, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_arguments: object) -> None:
        raise ValueError("no such\noperator")

    monkeypatch.setattr("camexport.precision.reduce.quantise", refuse)
    variants, left_out = _made(give("float32", calibrate=bundles["photos"]))
    assert [*variants] == ["float32", "fp16"]
    assert "in int8: no such operator" in left_out["int8"]
    assert {path.name for path in (tmp_path / "package").iterdir()} == FILES
    assert len([*(tmp_path / "package" / "shared_assets").iterdir()]) == 2


def test_a_bundle_that_did_not_pass_is_left_out(bundles: dict[str, Path], tmp_path: Path) -> None:
    poor = Path(shutil.copytree(bundles["fp16"], tmp_path / "poor"))
    edit_manifest(poor, lambda one: one["fidelity"][0].update(worst=0.99))
    options = PackageOptions(bundles=(bundles["float32"], poor), out=tmp_path / "p")
    variants, left_out = _made(options)
    assert [*variants] == ["float32"]
    assert "by 0.99000 at worst" in left_out["fp16"]


def test_an_edge_model_comes_along(bundles: dict[str, Path], tmp_path: Path) -> None:
    given = Path(shutil.copytree(bundles["float32"], tmp_path / "b"))
    write_edge_model(given, b"any graph", "a test's")
    variants, _ = _made(PackageOptions(bundles=(given,), out=tmp_path / "p"))
    for bundle in variants.values():
        for name in ("edges.onnx", "edges.json"):
            assert (bundle.folder / name).read_bytes() == (given / name).read_bytes()


def test_who_prefers_what(give: Give) -> None:
    prefer = (("cuda", "fp16"), ("CoreMLExecutionProvider", "fp16"), ("cpu", "float32"))
    manifest = write_package(give("float32", "fp16", prefer=prefer)).package.manifest
    assert manifest.variant_for("CUDAExecutionProvider") == "fp16"
    assert manifest.variant_for("CoreMLExecutionProvider") == "fp16"
    for name in ("CPUExecutionProvider", "OpenVINOExecutionProvider", "QNNExecutionProvider"):
        assert manifest.variant_for(name) == "float32"


def test_a_preferred_precision_has_to_be_there(give: Give, tmp_path: Path) -> None:
    with pytest.raises(FidelityError, match=r"--prefer cpu=int8, which is left out: .*--calibrate"):
        write_package(give("float32", "fp16", prefer=(("cpu", "int8"),)))
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (("gpu", "fp16"), "no provider 'gpu': say cpu, cuda, tensorrt, tensorrt-rtx, openvino"),
        (("../ExecutionProvider", "fp16"), "no provider"),
        (("cuda", "float16"), "cuda=float16: expected float32, fp16, int8"),
    ],
)
def test_preferences_that_make_no_sense(give: Give, pair: tuple[str, str], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        write_package(give("float32", prefer=(pair,)))


def _edited(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    return lambda path: edit_manifest(path, change)


def _turn(manifest: dict[str, Any]) -> None:
    manifest["labels"].reverse()
    manifest["input"]["mean"] = [0, 0, 0]


# Of a second bundle: what it is a copy of, what is done to it, and what is said.
WRONG: dict[str, tuple[str, Callable[[Path], object], type[CamError], str]] = {
    "no bundle": ("float32", lambda one: (one / MANIFEST).unlink(), BundleError, "has no bundle"),
    "nothing": ("float32", shutil.rmtree, BundleError, "no bundle at"),
    "signed": ("float32", lambda one: (one / SIGNATURE).touch(), OptionError, "is signed, which"),
    "damaged": ("fp16", lambda one: (one / "tail.onnx").write_text(""), BundleError, "was changed"),
    "twice": ("float32", lambda one: None, OptionError, "are both in float32: give one"),
    "model": ("fp16", _edited(lambda one: one.update(model="x")), OptionError, "differ in model;"),
    "weights": (
        "fp16",
        _edited(lambda one: one["source"].update(digest="0" * 64)),
        OptionError,
        "differ in weights;",
    ),
    "labels": ("fp16", _edited(_turn), OptionError, "differ in preprocessing, labels;"),
    "graphs": (
        "fp16",
        _edited(lambda one: one["graphs"].pop("gradient")),
        OptionError,
        "differ in graphs;",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_bundles_that_do_not_go_together(
    bundles: dict[str, Path], tmp_path: Path, wrong: str
) -> None:
    kind, change, error, said = WRONG[wrong]
    second = Path(shutil.copytree(bundles[kind], tmp_path / "second"))
    change(second)
    options = PackageOptions(bundles=(bundles["float32"], second), out=tmp_path / "p")
    with pytest.raises(error, match=said) as raised:
        write_package(options)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "p").exists()


def test_a_reduced_bundle_alone(give: Give) -> None:
    with pytest.raises(OptionError, match="expected a bundle in float32, got only fp16"):
        write_package(give("fp16"))


def test_a_package_is_no_bundle(give: Give, tmp_path: Path) -> None:
    write_package(give("float32", "fp16"))
    options = PackageOptions(bundles=(tmp_path / "package",), out=tmp_path / "p")
    with pytest.raises(BundleError, match="is not a bundle but a model package"):
        write_package(options)


def test_what_is_there_stays_unless_forced(give: Give, tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "mine.txt").write_text("x")
    with pytest.raises(OutputError, match="is in use: choose another --out, or --force"):
        write_package(give("float32", "fp16"))
    assert [path.name for path in (tmp_path / "package").iterdir()] == ["mine.txt"]
    write_package(give("float32", "fp16", force=True))
    assert {path.name for path in tmp_path.iterdir()} == {"package"}
    assert not (tmp_path / "package" / "mine.txt").exists()


def test_what_fails_leaves_what_was_there(
    give: Give, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_package(give("float32", "fp16"))
    before = (tmp_path / "package" / "manifest.json").read_bytes()
    monkeypatch.setattr("camexport.package.verified_folder", _fail)
    with pytest.raises(UnsupportedError):
        write_package(give("float32", force=True))
    assert (tmp_path / "package" / "manifest.json").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"package"}


def _fail(_folder: Path) -> None:
    raise UnsupportedError("something")


@pytest.mark.parametrize("above", [False, True])
def test_the_bundle_itself_is_not_replaced(
    bundles: dict[str, Path], tmp_path: Path, above: bool
) -> None:
    given = Path(shutil.copytree(bundles["float32"], tmp_path / "models" / "b"))
    out = given.parent if above else given
    with pytest.raises(OptionError, match=r"holds the bundle .*: choose another --out"):
        write_package(PackageOptions(bundles=(given,), out=out, force=True))
    assert open_bundle(given).folder == given


def test_the_command_says_what_is_in_it(
    bundles: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "package"
    command = [
        "package",
        bundles["float32"],
        bundles["fp16"],
        "--out",
        out,
        "--prefer",
        "cuda=fp16",
    ]

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["camexport", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    monkeypatch.setenv("COLUMNS", "300")
    code, said, _ = run(*command)
    assert code == 0
    assert "variant float32" in said
    assert (
        "taken on cpu, tensorrt, tensorrt-rtx, openvino, webgpu, and wherever no other is" in said
    )
    assert "taken on cuda; as in float32: recipro-cam correlates" in said
    assert "no int8  it is fitted to photographs" in said
    code, _, said = run(*command)
    assert (code, said.count("\n")) == (1, 1)
    assert "is in use" in said
    code, _, said = run(*command, "--prefer", "cuda")
    assert code == 2
    assert "--prefer: expected KEY=VALUE" in said


def test_what_is_preferred_and_cannot_be_is_said_before_any_work(
    give: Give, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("camexport.package.reduce_into", None)
    with pytest.raises(FidelityError, match="--prefer cpu=int8, which is left out"):
        write_package(give("float32", prefer=(("cpu", "int8"),)))
    with pytest.raises(TypeError, match="not callable"):
        write_package(give("float32"))


def test_short_names_are_those_of_the_engine_and_case_does_not_count() -> None:
    asked = [("webgpu", "fp16"), ("TensorRT-RTX", "int8"), ("CudaExecutionProvider", "fp16")]
    found = preferred_precisions(asked)
    assert found["WebGpuExecutionProvider"] == found["CUDAExecutionProvider"] == "fp16"
    assert found["NvTensorRTRTXExecutionProvider"] == "int8"


def test_a_provider_that_nobody_has_or_that_is_named_twice_is_refused() -> None:
    with pytest.raises(OptionError, match="did you mean CUDAExecutionProvider"):
        preferred_precisions([("CUDDAExecutionProvider", "fp16")])
    with pytest.raises(OptionError, match="names CUDA twice"):
        preferred_precisions([("cuda", "fp16"), ("CUDA", "int8")])
