"""ONNX files from anywhere: damaged, endless, or made to read and write what is not theirs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from camexport.build import BuildOptions, build_bundle
from camexport.errors import ExportError
from camexport.onnx_source import open_file
from camruntime.errors import CamError

FLOAT = TensorProto.FLOAT
COUNT = 4 * 3 * 3 * 3
WEIGHTS = np.random.default_rng(0).standard_normal(COUNT).astype(np.float32)
SECRET = WEIGHTS[::-1].tobytes()


def _nodes(image: str = "image") -> list[onnx.NodeProto]:
    return [
        helper.make_node("Conv", [image, "w"], ["a"]),
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["logits"]),
    ]


def _stored(
    dims: Sequence[int] = (4, 3, 3, 3), kind: int = FLOAT, data: bytes = WEIGHTS.tobytes()
) -> Any:
    tensor = TensorProto(name="w", dims=dims, data_type=kind)
    tensor.raw_data = data
    return tensor


def _elsewhere(**said: str) -> Any:
    """Weights in another file."""
    tensor = TensorProto(name="w", dims=(4, 3, 3, 3), data_type=FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in said.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def _model(
    nodes: Sequence[onnx.NodeProto] | None = None,
    weights: Sequence[Any] | None = None,
    size: Sequence[Any] = ("n", 3, 16, 16),
    opset: int = 17,
    **more: Any,
) -> onnx.ModelProto:
    image = helper.make_tensor_value_info("image", FLOAT, size)
    logits = helper.make_tensor_value_info("logits", FLOAT, ["n", 4])
    stored = [_stored()] if weights is None else weights
    graph = helper.make_graph(_nodes() if nodes is None else nodes, "g", [image], [logits], stored)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("f", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, **more)


def _numbers(name: str, *values: int) -> Any:
    return helper.make_tensor(name, TensorProto.INT64, [len(values)], values)


def _made(kind: str, *inputs: str) -> list[onnx.NodeProto]:
    """A network that adds the largest value of what `kind` makes of constants."""
    return [
        helper.make_node(kind, [*inputs], ["made"]),
        helper.make_node("ReduceMax", ["made"], ["most"], keepdims=0),
        helper.make_node("Add", ["image", "most"], ["more"]),
        *_nodes("more"),
    ]


def _chain(count: int) -> list[onnx.NodeProto]:
    names = ["image", *(f"x{index}" for index in range(count))]
    return [helper.make_node("Relu", [a], [b]) for a, b in pairwise(names)] + _nodes(names[-1])


def _functions(count: int, calls: int) -> onnx.ModelProto:
    """Each calls the one before it, the first itself where there is one only."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
    made = []
    for index in range(count):
        names = ["x", *(f"v{call}" for call in range(calls - 1)), "y"]
        innermost = not index and count > 1
        kind, domain = ("Relu", "") if innermost else (f"F{max(index - 1, 0)}", "f")
        nodes = [helper.make_node(kind, [a], [b], domain=domain) for a, b in pairwise(names)]
        made.append(helper.make_function("f", f"F{index}", ["x"], ["y"], nodes, opsets))
    call = helper.make_node(f"F{count - 1}", ["image"], ["more"], domain="f")
    return _model([call, *_nodes("more")], functions=made)


def _nested(depth: int) -> onnx.ModelProto:
    inner = helper.make_graph(
        [helper.make_node("Identity", ["image"], ["o"])],
        "inner",
        [],
        [helper.make_tensor_value_info("o", FLOAT, None)],
    )
    for _ in range(depth):
        node = helper.make_node("If", ["yes"], ["o"], then_branch=inner, else_branch=inner)
        inner = helper.make_graph([node], "outer", [], [inner.output[0]])
    node = helper.make_node("If", ["yes"], ["more"], then_branch=inner, else_branch=inner)
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    return _model([node, *_nodes("more")], [_stored(), yes])


def _without_opset() -> onnx.ModelProto:
    model = _model()
    del model.opset_import[:]
    return model


def _twice_opset() -> onnx.ModelProto:
    model = _model()
    model.opset_import.append(helper.make_opsetid("", 9))
    return model


def _cycle() -> onnx.ModelProto:
    circle = [
        helper.make_node("Add", ["image", "b"], ["c"]),
        helper.make_node("Relu", ["c"], ["b"]),
    ]
    return _model([*circle, *_nodes("b")])


BIG = (10**6, 10**6)
ONE = helper.make_tensor("one", FLOAT, [1], [1.0])
DAMAGED: dict[str, tuple[Callable[[], onnx.ModelProto | bytes], str]] = {
    "empty": (lambda: b"", "is empty"),
    "zeros": (lambda: bytes(1000), "is empty"),
    "text": (lambda: b"no network at all, only text", "cannot read|holds no graph"),
    "cut": (lambda: _model().SerializeToString()[:-40], "cannot read"),
    "no graph": (lambda: onnx.ModelProto(ir_version=8), "holds no graph"),
    "no nodes": (lambda: _model([]), "holds no graph"),
    "no opset": (_without_opset, "says no opset"),
    "opset 0": (lambda: _model(opset=0), "opset 0, which cannot be raised"),
    "opset -5": (lambda: _model(opset=-5), "opset -5, which cannot be raised"),
    "opset 2^62": (lambda: _model(opset=2**62), "newer than the installed"),
    "two opsets": (_twice_opset, "cannot be raised"),
    "cyclic": (_cycle, "contains a cycle"),
    "a node that reads itself": (
        lambda: _model([helper.make_node("Relu", ["b"], ["b"]), *_nodes("b")]),
        "cycle|cannot be raised",
    ),
    "what nobody makes": (lambda: _model(_nodes("nothing")), "nothing"),
    "a name made twice": (
        lambda: _model([*_nodes(), helper.make_node("Relu", ["r"], ["a"])]),
        "no valid ONNX",
    ),
    "too few bytes": (lambda: _model(weights=[_stored(data=b"\0" * 8)]), "no valid ONNX"),
    "too many bytes": (lambda: _model(weights=[_stored(data=b"\0" * 800)]), "no valid ONNX"),
    "odd bytes": (lambda: _model(weights=[_stored(data=b"\0" * 431)]), "no valid ONNX"),
    "no bytes": (lambda: _model(weights=[_stored(data=b"")]), "w|ONNX"),
    "negative extents": (lambda: _model(weights=[_stored((4, -3, 3, -3))]), "no valid ONNX"),
    "one negative extent": (lambda: _model(weights=[_stored((-1, 3, 3, 3))]), "ONNX"),
    "10^18 elements": (lambda: _model(weights=[_stored((*BIG, 10**6, 1))]), "tensor 'w' of 10"),
    "2^64 elements": (lambda: _model(weights=[_stored((2**32, 2**32, 1, 1))]), "tensor 'w' of 1"),
    "text as weights": (lambda: _model(weights=[_stored(kind=TensorProto.STRING)]), "ONNX"),
    "complex weights": (lambda: _model(weights=[_stored(kind=TensorProto.COMPLEX64)]), "ONNX"),
    "no type": (lambda: _model(weights=[_stored(kind=0)]), "type"),
    "type 99": (lambda: _model(weights=[_stored(kind=99)]), "type"),
    "images of 10^12": (lambda: _model(size=["n", 3, *BIG]), "tensor 'image' of 3000000000000"),
    "2^40 channels": (lambda: _model(size=["n", 2**40, 16, 16]), "tensor 'image' of"),
    "no dimensions": (lambda: _model(size=[]), "expected one image of four dimensions"),
    "constants of 10^12": (
        lambda: _model(_made("ConstantOfShape", "s"), [_stored(), _numbers("s", *BIG)]),
        "tensor 'made' of 1000000000000 elements",
    ),
    "negative constants": (
        lambda: _model(_made("ConstantOfShape", "s"), [_stored(), _numbers("s", -4, 3)]),
        "negative",
    ),
    "expanded to 10^12": (
        lambda: _model(_made("Expand", "one", "s"), [_stored(), ONE, _numbers("s", *BIG)]),
        "tensor 'made' of 1000000000000 elements",
    ),
    "tiled to 10^12": (
        lambda: _model(_made("Tile", "one", "s"), [_stored(), ONE, _numbers("s", 10**12)]),
        "tensor 'made' of 1000000000000 elements",
    ),
    "padded to 10^12": (
        lambda: _model(_made("Pad", "one", "s"), [_stored(), ONE, _numbers("s", 10**12, 0)]),
        "tensor 'made' of 1000000000001 elements",
    ),
    "enlarged to 10^12": (
        lambda: _model(
            [helper.make_node("Resize", ["image", "", "s"], ["more"]), *_nodes("more")],
            [_stored(), helper.make_tensor("s", FLOAT, [4], [1, 1, 1e5, 1e5])],
            ("n", 3, "h", "w"),
        ),
        "tensor 'more' of",
    ),
    "many large constants": (
        lambda: _model(
            [
                *(helper.make_node("ConstantOfShape", ["s"], [f"c{i}"]) for i in range(2000)),
                *_nodes(),
            ],
            [_stored(), _numbers("s", 2**23)],
        ),
        "elements that are computed of constants",
    ),
    "10^5 nodes": (lambda: _model(_chain(10**5)), "has 100004 nodes, expected a classifier"),
    "functions in functions": (lambda: _functions(40, 2), r"has \d{12,} nodes"),
    "a function that calls itself": (lambda: _functions(1, 1), "deeper than 50, or in a circle"),
    "20,000 functions deep": (lambda: _functions(20_000, 1), "deeper than 50, or in a circle"),
    "branches in branches": (lambda: _nested(13), r"has \d+ nodes"),
    "an operator of nobody's": (
        lambda: _model([helper.make_node("Nonsense", ["image"], ["more"]), *_nodes("more")]),
        "Nonsense|cannot be raised",
    ),
    "steps of 0": (
        lambda: _model(
            [helper.make_node("Conv", ["image", "w"], ["a"], strides=[0, 0]), *_nodes()[1:]]
        ),
        "ONNX Runtime",
    ),
    "windows of 10^18": (
        lambda: _model(
            [
                helper.make_node("MaxPool", ["image"], ["more"], kernel_shape=[10**9] * 2),
                *_nodes("more"),
            ]
        ),
        "ONNX Runtime",
    ),
}

# In a process of its own, whose memory is limited: 2 GiB above what imports take.
READ = """
import json, resource, sys, time
from pathlib import Path
import torch, camexport.parity
from camexport.models import find_architecture, input_channels
from camruntime.errors import CamError
torch.set_num_threads(1)
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + 2 * 2**30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for name in sys.argv[1:]:
    start = time.monotonic()
    try:
        found = find_architecture(name)
        network, size = found.publish(), found.size_for(None)
        found.compare(network, size, found.channels_for(None) or input_channels(network, size))
        said = "read"
    except CamError as error:
        said = str(error)
    took = time.monotonic() - start
    print(json.dumps((Path(name).stem, said, took)))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, float]]:
    """What is said of each damaged file, and seconds until then."""
    folder = tmp_path_factory.mktemp("files")
    for index, (make, _) in enumerate(DAMAGED.values()):
        made = make()
        data = made if isinstance(made, bytes) else made.SerializeToString()
        (folder / f"{index}.onnx").write_bytes(data)
    (folder / "good.onnx").write_bytes(_model().SerializeToString())
    files = sorted(map(str, folder.iterdir()))
    done = subprocess.run(
        [sys.executable, "-c", READ, *files], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {name: (said, took) for name, said, took in rows}


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is counted by Linux")
@pytest.mark.parametrize("index", range(len(DAMAGED)), ids=DAMAGED)
def test_a_damaged_file(answers: dict[str, tuple[str, float]], index: int) -> None:
    said, took = answers[str(index)]
    _, expected = [*DAMAGED.values()][index]
    assert re.search(expected, said), said
    assert "\n" not in said
    assert len(said) < 600
    assert took < 20


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is counted by Linux")
def test_a_whole_one_beside_them(answers: dict[str, tuple[str, float]]) -> None:
    assert answers["good"][0] == "read"


# By number of the CVE in the package onnx: where weights lie, and what an entry says of them.
HISTORY: dict[str, list[dict[str, str]]] = {
    "CVE-2022-25882, paths that lead out": [
        {"location": "../secret.bin"},
        {"location": "{outside}/secret.bin"},
        {"location": "..\\secret.bin"},
        {"location": "file://{outside}/secret.bin"},
    ],
    "CVE-2024-27318, and that do so by detours": [
        {"location": "sub/../../secret.bin"},
        {"location": "./../secret.bin"},
        {"location": "sub/..//../secret.bin"},
        {"location": "nowhere/../../secret.bin"},
        {"location": "./own.bin"},
        {"location": "sub//own.bin"},
    ],
    "CVE-2026-27489 and 34447, links": [
        {"location": "link.bin"},
        {"location": "linked/secret.bin"},
        {"location": "sub/up/secret.bin"},
        {"location": "dangling.bin"},
    ],
    "CVE-2026-34446, hard links": [{"location": "hard.bin"}],
    "what is no file": [
        {"location": "sub"},
        {"location": "pipe"},
        {"location": "zero"},
        {"location": "/dev/zero"},
        {"location": ""},
        {"location": "."},
        {"location": "own.bin\0"},
        {},
    ],
    "CVE-2026-34445, places and sizes": [
        {"location": "own.bin", "offset": "-4"},
        {"location": "own.bin", "offset": "4"},
        {"location": "own.bin", "offset": "99999999999999"},
        {"location": "own.bin", "offset": "9" * 5000},
        {"location": "own.bin", "offset": "0x0"},
        {"location": "own.bin", "offset": "1e1"},
        {"location": "own.bin", "length": "-1"},
        {"location": "own.bin", "length": "4"},
        {"location": "own.bin", "length": "99999999999999"},
        {"location": "long.bin"},
        {"location": "missing.bin"},
    ],
}
CASES = [(cve, said) for cve, cases in HISTORY.items() for said in cases]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where an ONNX file with weights beside it lies, and a secret of the same size outside."""
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    secret = tmp_path / "secret.bin"
    secret.write_bytes(SECRET)
    (folder / "own.bin").write_bytes(WEIGHTS.tobytes())
    (folder / "sub" / "own.bin").write_bytes(WEIGHTS.tobytes())
    (folder / "long.bin").write_bytes(bytes(1000))
    (folder / "link.bin").symlink_to(secret)
    (folder / "linked").symlink_to(tmp_path)
    (folder / "sub" / "up").symlink_to("../..")
    (folder / "dangling.bin").symlink_to("nowhere")
    (folder / "zero").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe")
    (tmp_path / "other_secret.bin").write_bytes(SECRET)
    os.link(tmp_path / "other_secret.bin", folder / "hard.bin")
    return folder


def _write(folder: Path, said: dict[str, str], place: str) -> Path:
    told = {key: value.format(outside=folder.parent) for key, value in said.items()}
    weights = _elsewhere(**told)
    if place == "weights":
        model = _model(weights=[weights])
    elif place == "constant":
        model = _model([helper.make_node("Constant", [], ["w"], value=weights), *_nodes()], [])
    else:
        value = helper.make_tensor_value_info("w", FLOAT, [4, 3, 3, 3])
        weights.name = "inner"
        node = helper.make_node("Identity", ["inner"], ["w"])
        inner = helper.make_graph([node], "branch", [], [value], [weights])
        chosen = helper.make_node("If", ["yes"], ["w"], then_branch=inner, else_branch=inner)
        yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
        model = _model([chosen, *_nodes()], [yes])
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("place", ["weights", "constant", "branch"])
@pytest.mark.parametrize(("cve", "said"), CASES, ids=[f"{cve}: {said}"[:70] for cve, said in CASES])
def test_the_history_of_weights_in_other_files(
    folder: Path, cve: str, said: dict[str, str], place: str
) -> None:
    path = _write(folder, said, place)
    with pytest.raises(ExportError, match=r"net\.onnx keeps") as raised:
        open_file(path)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 800


@pytest.mark.parametrize("place", ["weights", "constant", "branch"])
@pytest.mark.parametrize(
    "said",
    [
        {"location": "own.bin"},
        {"location": "sub/own.bin", "offset": "0", "length": str(4 * COUNT)},
        # CVE-2026-34445: keys that are no keys set attributes of an object in onnx.
        {"location": "own.bin", "__class__": "x", "basepath": "/", "checksum": "0"},
    ],
)
def test_weights_beside_a_file_are_read(folder: Path, said: dict[str, str], place: str) -> None:
    model = open_file(_write(folder, said, place))
    data = [one.raw_data for one in model.graph.initializer if one.name == "w"]
    data += [
        tensor.raw_data
        for node in model.graph.node
        for attribute in node.attribute
        for tensor in (attribute.t, *attribute.g.initializer)
        if tensor.raw_data
    ]
    assert set(data) == {WEIGHTS.tobytes()}


def test_many_tensors_of_one_file_are_counted(folder: Path) -> None:
    with (folder / "large.bin").open("wb") as file:
        file.truncate(2**31)  # of which the disk holds nothing
    large = _elsewhere(location="large.bin")
    large.dims[:] = [2**29]
    model = _model(weights=[_elsewhere(location="own.bin"), large])
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(CamError, match="with them has more than 2 GiB of weights"):
        open_file(folder / "net.onnx")


def test_a_build_writes_nothing_but_its_bundle(folder: Path, tmp_path: Path) -> None:
    """CVE-2025-51480: a name that was read was also written to."""
    (folder / "outside").symlink_to(tmp_path)
    model = _model(weights=[_stored()])
    model.graph.initializer[0].external_data.add(key="location", value="../secret.bin")
    for index, node in enumerate(model.graph.node):
        node.name = f"{'../' * index}../secret.bin"
    model.graph.name = "../secret"
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    before = {path: path.stat().st_mtime_ns for path in _files(tmp_path)}
    options = BuildOptions(model=str(folder / "net.onnx"), layer="r", out=tmp_path / "b")
    bundle = build_bundle(options).bundle
    after = {path: path.stat().st_mtime_ns for path in _files(tmp_path)}
    assert (tmp_path / "secret.bin").read_bytes() == SECRET
    assert {path for path in after if after[path] != before.get(path)} == _files(bundle.folder)


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


def test_onnx_itself_may_read_what_it_likes_we_do_not_ask_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no version of it decides."""

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("weights were left to onnx")

    for name in ("load_external_data_for_model", "load_external_data_for_tensor"):
        monkeypatch.setattr(f"onnx.external_data_helper.{name}", refused)
    open_file(_write(folder, {"location": "own.bin"}, "weights"))
