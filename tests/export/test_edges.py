"""Building an edge model: HED's weights recognised, and one pair of files or nothing."""

from __future__ import annotations

import errno
import json
from functools import cache
from pathlib import Path

import onnx
import onnx_ir as ir
import pytest
import torch
from torch import Tensor

from camexport.bundles import staged_files
from camexport.edge_model import build as edges
from camexport.edge_model import build_edges
from camexport.edge_model.hed import FAMILIES, Hed, load_hed
from camexport.errors import OutputError, ParityError, WeightsError
from camruntime.edge_model import open_edge_model

State = dict[str, Tensor]
MODULE, NET, CAFFE = range(3)


def _state(family: int) -> State:
    """Seeded weights under the names of a family, float16 to be cast."""
    return dict(_values(family))


@cache
def _values(family: int) -> State:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(family)
        network = Hed(FAMILIES[family])
    values = list(network.state_dict().values())
    names = [f"{layer}.{part}" for layer in FAMILIES[family].layers for part in ("weight", "bias")]
    return {name: value.half() for name, value in zip(names, values, strict=True)}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "network-bsds500.pytorch"
    torch.save(_state(MODULE), path)
    return path


@pytest.fixture(scope="module")
def built(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An edge model beside the files of a bundle."""
    out = tmp_path_factory.mktemp("bundles")
    (out / "bundle.json").write_text("a bundle")
    build_edges(weights, out)
    return out


@pytest.fixture
def ready(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Skips the conversion, which takes seconds: the graph is the one built before."""
    monkeypatch.setattr(edges, "_to_onnx", lambda _: ir.load(built / "edges.onnx"))


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_names_that_published_weights_have() -> None:
    module, net, caffe = (list(_state(family)) for family in (MODULE, NET, CAFFE))
    assert {len(module), len(net), len(caffe)} == {38}
    assert module[:3] == ["moduleVggOne.0.weight", "moduleVggOne.0.bias", "moduleVggOne.2.weight"]
    assert {"moduleVggTwo.1.weight", "moduleVggFiv.5.bias", "moduleScoreThr.weight"} < set(module)
    assert module[-1] == "moduleCombine.0.bias"
    assert net == [name.replace("module", "net") for name in module]
    assert {"conv1_2.bias", "conv5_3.weight", "score_dsn5.weight", "score_final.bias"} < set(caffe)


def test_prefixes_make_no_difference() -> None:
    state = _state(NET)
    plain = load_hed(state, "x").state_dict()
    renamed = {name.replace("net", "module"): value for name, value in state.items()}
    parallel = {f"module.{name}": value for name, value in state.items()}
    for other in (renamed, parallel):
        found = load_hed(other, "x")
        assert found.family.padding == 1
        for name, value in found.state_dict().items():
            assert torch.equal(value, plain[name])
            assert value.dtype == torch.float32
    assert not load_hed(_state(CAFFE), "x").training
    assert load_hed(_state(CAFFE), "x").family.padding == 35


def test_weights_that_are_not_quite_heds() -> None:
    state = _state(NET)
    bias = state.pop("netVggThr.5.bias")
    with pytest.raises(WeightsError, match=r"x\.pth .* missing netVggThr\.5\.bias; not known none"):
        load_hed(state, "x.pth")
    more = {**state, "netVggThr.5.bias": bias, "netVggSix.1.weight": bias}
    with pytest.raises(WeightsError, match=r"missing none; not known netVggSix\.1\.weight"):
        load_hed(more, "x.pth")
    both = {**_state(NET), "score_final.bias": torch.zeros(1)}
    with pytest.raises(WeightsError, match=r"not known score_final\.bias"):
        load_hed(both, "x.pth")
    caffe = {**_state(CAFFE), "score_final.weight": torch.zeros(1, 6, 1, 1)}
    with pytest.raises(WeightsError, match=r"score_final\.weight .*\(1, 6, 1, 1\).*\(1, 5, 1, 1\)"):
        load_hed(caffe, "x.pth")


def test_weights_of_another_network(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(1), "fc.bias": torch.zeros(1)}, tmp_path / "resnet.pth")
    said = r"resnet\.pth holds no HED.*moduleVggOne\.0\.weight.*netVgg.*conv1_1.*found fc\.bias, fc"
    with pytest.raises(WeightsError, match=said):
        build_edges(tmp_path / "resnet.pth", tmp_path / "out")
    with pytest.raises(WeightsError, match=r"no weights at .*nowhere: .* of HED"):
        build_edges(tmp_path / "nowhere", tmp_path / "out")
    assert _names(tmp_path) == {"resnet.pth"}


def test_two_files_are_added_to_the_directory(built: Path) -> None:
    assert _names(built) == {"bundle.json", "edges.onnx", "edges.json"}
    assert (built / "bundle.json").read_text() == "a bundle"
    file, model, _ = open_edge_model(built)
    assert file.stat().st_size < 60e6
    assert model.name == "HED (network-bsds500, padding 1)"
    assert (model.input, model.output) == ("image", "edges")
    assert model.sha256
    assert json.loads((built / "edges.json").read_text())["mean"][0] == 104.00698793


def test_the_graph_is_plain_and_has_no_trace_of_the_machine(built: Path) -> None:
    onnx.checker.check_model(str(built / "edges.onnx"), full_check=True)
    model = onnx.load(built / "edges.onnx", load_external_data=False)
    assert model.ir_version == 10
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 20)]
    shapes = [
        [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    ]
    assert shapes == [["n", 3, "H", "W"], ["n", 1, "H", "W"]]
    parts = (model, *model.graph.node, *model.graph.value_info, *model.graph.initializer)
    assert not any(part.metadata_props or part.doc_string for part in parts)
    del model.graph.initializer[:]
    text = str(model)
    assert not any(trace in text for trace in (".py", str(Path.cwd()), str(Path.home())))


@pytest.mark.usefixtures("ready")
def test_an_edge_model_is_replaced_only_on_demand(weights: Path, tmp_path: Path) -> None:
    for name in ("edges.onnx", "edges.json"):
        place = tmp_path / f"has {name}"
        place.mkdir()
        (place / name).write_text("mine")
        with pytest.raises(OutputError, match=r"has an edge model: .*--force"):
            build_edges(weights, place)
        assert _names(place) == {name}
        assert (place / name).read_text() == "mine"
    model = build_edges(weights, place, force=True)
    assert open_edge_model(place)[:2] == (place / "edges.onnx", model)
    assert _names(place) == {"edges.onnx", "edges.json"}


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("change", [0.01, float("nan")])
def test_a_graph_that_computes_something_else_is_not_kept(tmp_path: Path, change: float) -> None:
    state = _state(MODULE)
    state["moduleCombine.0.bias"] = state["moduleCombine.0.bias"] + change
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(ParityError, match=r"differs from PyTorch by (2\.\d\de-03|nan) at 48x64"):
        build_edges(tmp_path / "weights.pth", tmp_path / "out")
    assert _names(tmp_path) == {"weights.pth"}


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        (SystemExit(143), SystemExit),
        (OSError(errno.ENOSPC, "No space left on device"), OutputError),
    ],
)
def test_an_interruption_leaves_what_was_there(
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    raised: BaseException,
    seen: type[BaseException],
) -> None:
    def interrupted(*_: object) -> None:
        raise raised

    monkeypatch.setattr(edges, "_compare", interrupted)
    with pytest.raises(seen):
        build_edges(weights, tmp_path / "new")
    assert _names(tmp_path) == set()
    (tmp_path / "edges.onnx").write_text("old")
    with pytest.raises(seen):
        build_edges(weights, tmp_path, force=True)
    assert _names(tmp_path) == {"edges.onnx"}
    assert (tmp_path / "edges.onnx").read_text() == "old"


def test_two_builds_of_one_edge_model_do_not_mix(weights: Path, tmp_path: Path) -> None:
    with staged_files(tmp_path, ["edges.onnx"]) as stage:
        with pytest.raises(
            OutputError, match=r"another build .*edges\.onnx \(process \d+ on .*wait"
        ):
            build_edges(weights, tmp_path, force=True)
        assert stage.exists(), "the first build's folder is left alone"
        (stage / "edges.onnx").touch()


def test_a_place_that_is_no_directory_is_named(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write .*file"):
        build_edges(weights, tmp_path / "file")
    assert (tmp_path / "file").is_file()
