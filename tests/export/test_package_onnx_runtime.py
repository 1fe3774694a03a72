"""What stock ONNX Runtime makes of our model packages: the API that they are written for, pinned.

Its documentation calls this API experimental in one place and stable in another.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from camexport.package import PackageOptions, write_package
from camruntime.bundle import PACKAGE, open_bundle, open_package

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"
NEEDED = ("ModelPackage", "ModelPackageContext", "ModelPackageOptions")
pytestmark = pytest.mark.skipif(
    not all(hasattr(ort, name) for name in NEEDED),
    reason=f"ONNX Runtime {ort.__version__} has no model packages in Python; 1.32 has",
)
CPU = "CPUExecutionProvider"
Feed = Mapping[str, Any]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inspector in float32 and fp16."""
    out = tmp_path_factory.mktemp("package") / "inspector"
    write_package(PackageOptions(bundles=(INSPECTOR,), out=out))
    return out


def _selected(package: Path, component: str) -> Any:
    """As a user of ONNX Runtime has it, who asks for the CPU."""
    options = ort.SessionOptions()
    options.add_provider(CPU, {})
    context = ort.ModelPackageContext(str(package))
    return context.select_component(component, ort.ModelPackageOptions(options))


def _feeds() -> dict[str, Feed]:
    """Something for each graph of the inspector, drawn."""
    rng = np.random.default_rng(4)

    def draw(*shape: int) -> Any:
        return rng.normal(0, 1, shape).astype(np.float32)

    masks = {"masks": draw(2, 16, 16), "rows": draw(128, 16), "columns": draw(16, 128)}
    grid = draw(3, 96, 16, 16)
    image = draw(1, 3, 128, 128)
    return {
        "head": {"image": draw(2, 3, 128, 128)},
        "tail": {"activations": grid},
        "cells": {"activations": grid[:1]},
        "head_cells": {"image": draw(1, 3, 128, 128)},
        "gradient": {"activations": grid, "targets": np.array([0, 4, 2])},
        "mask_images": {"image": image, **masks},
        "occlude_images": {
            "image": image,
            "blurred": draw(1, 3, 128, 128),
            "offset": draw(1, 3, 1, 1),
            **masks,
        },
        "mask_activations": {"activations": grid[:1], "masks": masks["masks"]},
    }


def test_it_opens_every_graph_and_computes_what_the_bundle_does(package: Path) -> None:
    """Default and own session options; float32 is selected on the CPU."""
    context = ort.ModelPackageContext(str(package))
    feeds = _feeds()
    assert context.get_schema_version() == 1
    assert set(context.get_component_names()) == set(feeds)
    for graph, feed in feeds.items():
        component = _selected(package, graph)
        assert component.get_selected_variant_name() == "float32-cpu"
        own = ort.SessionOptions()
        own.intra_op_num_threads = 1
        wanted = ort.InferenceSession(str(INSPECTOR / f"{graph}.onnx"), own).run(None, feed)
        for session in (component.create_session(), component.create_session(own)):
            for found, value in zip(session.run(None, feed), wanted, strict=True):
                np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-6)


def test_it_opens_a_variant_that_it_does_not_select(package: Path) -> None:
    """fp16, which no provider takes: by the reference in its configuration."""
    context = ort.ModelPackageContext(str(package))
    assert context.get_variant_names("head")[-1] == "fp16"
    assert context.get_variant_ep_name("head", "fp16") is None
    body = json.loads(ort.ModelPackage.open(str(package)).get_variant_json("head", "fp16"))
    file = context.resolve_string_ref(body["executor_info"]["ort"]["model_file"])
    one = open_package(package).open("fp16")
    assert Path(file) == one.folder.resolve() / "head.onnx"
    feed = _feeds()["head"]
    (found,) = ort.InferenceSession(file).run(None, feed)
    (wanted,) = ort.InferenceSession(str(INSPECTOR / "head.onnx")).run(None, feed)
    off = np.abs(found - wanted).max() / np.abs(wanted).max()
    assert 0 < off < 2**-8, "rounded to half precision"


def test_weights_are_on_the_disk_once_for_each_precision(package: Path) -> None:
    found = sorted(file.stat().st_size for file in package.rglob("weights.bin"))
    assert found[-1] == open_bundle(INSPECTOR).manifest.weights.bytes
    assert len(found) == 2
    assert found[0] < 0.51 * found[1]


def test_folders_have_the_names_that_it_computes(package: Path) -> None:
    for folder in (package / "shared_assets").iterdir():
        uri = ort.ModelPackage.compute_directory_hash(str(folder))
        assert folder.name == uri.replace(":", "-")
    info = ort.ModelPackage.open(str(package)).get_info()
    assert info["layout"] == "portable"
    assert len(info["shared_assets"]) == 2


def test_it_selects_what_a_provider_prefers(tmp_path: Path) -> None:
    options = PackageOptions(
        bundles=(INSPECTOR,),
        out=tmp_path / "p",
        prefer=(("cpu", "fp16"), ("CoreMLExecutionProvider", "fp16")),
    )
    write_package(options)
    component = _selected(tmp_path / "p", "head")
    assert component.get_selected_variant_name() == "fp16-cpu"
    place = open_package(tmp_path / "p").open("fp16").folder
    assert Path(component.get_selected_variant_folder_path()) == place.resolve()
    context = ort.ModelPackageContext(str(tmp_path / "p"))
    found = {
        one: context.get_variant_ep_name("tail", one) for one in context.get_variant_names("tail")
    }
    assert found == {
        "float32-cuda": "CUDAExecutionProvider",
        "float32-tensorrt": "TensorrtExecutionProvider",
        "float32-tensorrt-rtx": "NvTensorRTRTXExecutionProvider",
        "float32-openvino": "OpenVINOExecutionProvider",
        "float32-webgpu": "WebGpuExecutionProvider",
        "fp16-cpu": CPU,
        "fp16-CoreMLExecutionProvider": "CoreMLExecutionProvider",
    }


def _edited(change: Callable[[Any], object]) -> Callable[[Path], object]:
    def edit(package: Path) -> None:
        content = json.loads((package / PACKAGE).read_text())
        change(content)
        (package / PACKAGE).write_text(json.dumps(content))

    return edit


def _head(content: Any) -> Any:
    return content["components"]["head"]["variants"]["float32-cpu"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_edited(lambda one: one.update(surprise=1)), "unknown field 'surprise'"),
        (_edited(lambda one: one.update(schema_version="2.0")), "major 2 is not supported"),
        (_edited(lambda one: _head(one).update(variant_directory="../x")), "not allowed in"),
        (_edited(lambda one: _head(one).update(variant_directory="x")), "does not exist"),
        (_edited(lambda one: _head(one).pop("ep")), "No suitable model variant"),
    ],
)
def test_what_it_refuses(
    package: Path, tmp_path: Path, change: Callable[[Path], object], said: str
) -> None:
    """Why we write what we do: no other fields, no paths out, a provider for each variant."""
    copied = Path(shutil.copytree(package, tmp_path / "p"))
    change(copied)
    with pytest.raises(RuntimeError, match=said):
        _selected(copied, "head")


def test_what_it_does_not_see(package: Path, tmp_path: Path) -> None:
    """Weights that are not those of the digest: camruntime compares it, ONNX Runtime does not."""
    copied = Path(shutil.copytree(package, tmp_path / "p"))
    weights = open_package(copied).open("float32").folder / "weights.bin"
    weights.write_bytes(weights.read_bytes()[::-1])
    assert _selected(copied, "head").create_session() is not None


def test_declaration_order_breaks_ties(package: Path, tmp_path: Path) -> None:
    """So that the first would be another precision without a word, where two name one provider."""
    copied = Path(shutil.copytree(package, tmp_path / "p"))

    def first(content: Any) -> None:
        variants = content["components"]["head"]["variants"]
        variants["fp16"]["ep"] = CPU
        content["components"]["head"]["variants"] = dict(reversed(variants.items()))

    _edited(first)(copied)
    assert _selected(copied, "head").get_selected_variant_name() == "fp16"
