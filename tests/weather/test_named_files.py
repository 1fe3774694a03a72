"""Graphs that name files outside: the runtime reads none, whatever ONNX Runtime would do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import camruntime
from camruntime._named_files import require_own_files
from camruntime.bundle import digest_file
from camruntime.engine import on_cpu
from camruntime.errors import BundleError, CamError, EdgeModelError
from edge_models import write_edge_model
from manifests import edit_manifest

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"
PHOTO = INSPECTOR / "samples" / "crack-1.png"


def _varint(value: int) -> bytes:
    parts = [value >> shift & 127 for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([*(part | 128 for part in parts[:-1]), parts[-1]])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _tensor(location: str, name: bytes = b"w", more: Mapping[str, str] | None = None) -> bytes:
    """Four floats in another file, as TensorProto."""
    entries = {"location": location, "length": "16", **(more or {})}
    said = [_bytes(13, _bytes(1, k.encode()), _bytes(2, v.encode())) for k, v in entries.items()]
    return _number(1, 4) + _number(2, 1) + _bytes(8, name) + b"".join(said) + _number(14, 1)


def _value(name: bytes, *shape: int) -> bytes:
    dims = b"".join(_bytes(1, _number(1, extent)) for extent in shape)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, 1), _bytes(2, dims)))


def _node(kind: bytes, inputs: tuple[bytes, ...], output: bytes, *attributes: bytes) -> bytes:
    read = b"".join(_bytes(1, name) for name in inputs)
    return read + _bytes(2, output) + _bytes(4, kind) + b"".join(_bytes(5, a) for a in attributes)


def _graph(*nodes: bytes, weights: bytes = b"", inputs: bytes = b"") -> bytes:
    return (
        b"".join(_bytes(1, node) for node in nodes)
        + _bytes(2, b"graph")
        + (_bytes(5, weights) if weights else b"")
        + inputs
        + _bytes(12, _value(b"y", 4))
    )


def _model(graph: bytes, more: bytes = b"") -> bytes:
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 17)) + more


def _branch(location: str) -> bytes:
    """An If whose branches add weights in another file, which ONNX Runtime reads from the disk."""
    inner = (
        _bytes(1, _node(b"Add", (b"x", b"v"), b"z"))
        + _bytes(2, b"branch")
        + _bytes(5, _tensor(location, b"v"))
        + _bytes(12, _value(b"z", 4))
    )
    branches = [_bytes(1, name) + _bytes(6, inner) + _number(20, 5) for name in _BRANCHES]
    condition = _node(b"ReduceMax", (b"x",), b"m", _bytes(1, b"keepdims") + _number(20, 2))
    cast = _node(b"Cast", (b"m",), b"c", _bytes(1, b"to") + _number(3, 9) + _number(20, 2))
    chosen = _node(b"If", (b"c",), b"y", *branches)
    return _model(_graph(condition, cast, chosen, inputs=_bytes(11, _value(b"x", 4))))


_BRANCHES = (b"then_branch", b"else_branch")


def _plain(location: str, more: Mapping[str, str] | None = None) -> bytes:
    add = _node(b"Add", (b"x", b"w"), b"y")
    weights = _tensor(location, more=more)
    return _model(_graph(add, weights=weights, inputs=_bytes(11, _value(b"x", 4))))


def _constant(location: str) -> bytes:
    value = _bytes(1, b"value") + _bytes(5, _tensor(location)) + _number(20, 4)
    add = _node(b"Add", (b"x", b"w"), b"y")
    constant = _node(b"Constant", (), b"w", value)
    return _model(_graph(constant, add, inputs=_bytes(11, _value(b"x", 4))))


def _sparse(location: str) -> bytes:
    sparse = _bytes(15, _bytes(1, _tensor(location)), _number(3, 4))
    return _model(_graph(_node(b"Add", (b"x", b"w"), b"y")) + sparse)


def _function(location: str) -> bytes:
    value = _bytes(1, b"value") + _bytes(5, _tensor(location)) + _number(20, 4)
    function = _bytes(1, b"F") + _bytes(7, _node(b"Constant", (), b"w", value))
    return _model(_graph(_node(b"F", (b"x",), b"y")), _bytes(25, function))


def _split_in_two(location: str) -> bytes:
    """Protobuf merges what is there twice."""
    return _plain(location) + _bytes(7, _graph(weights=_tensor(location)))


PLACES = [_plain, _branch, _constant, _sparse, _function, _split_in_two]
# CVE-2022-25882, 2024-27318, 2026-27489 and 2026-34446: where the file is; all lead to the secret.
LOCATIONS = {
    "parent": "../secret.bin",
    "through a folder": "sub/../../secret.bin",
    "dots": "./../secret.bin",
    "absolute": "{outside}/secret.bin",
    "a link": "link.bin",
    "a linked folder": "linked/secret.bin",
    "a hard link": "hard.bin",
    "in the current directory": "here.bin",
    "in memory": "*/_ORT_MEM_ADDR_/*",
    "a device": "/dev/zero",
    "nothing": "",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle, in the current directory, with a secret outside and ways to it inside."""
    ignored = shutil.ignore_patterns("samples")
    folder = Path(shutil.copytree(INSPECTOR, tmp_path / "bundle", ignore=ignored))
    secret = tmp_path / "secret.bin"
    np.arange(1, 5, dtype=np.float32).tofile(secret)
    (folder / "sub").mkdir()
    (folder / "link.bin").symlink_to(secret)
    (folder / "linked").symlink_to(tmp_path)
    os.link(secret, folder / "hard.bin")
    shutil.copyfile(secret, folder / "here.bin")
    monkeypatch.chdir(folder)
    return folder


def test_the_attack_is_one(folder: Path) -> None:
    """ONNX Runtime by itself reads what a branch names, from the current directory."""
    (read,) = on_cpu(_branch("here.bin"), ["y"])({"x": np.ones(4, np.float32)})
    np.testing.assert_array_equal(read, [2, 3, 4, 5])


@pytest.mark.parametrize("where", LOCATIONS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("graph", ["head", "mask_images"])
def test_a_graph_of_a_bundle_names_no_other_file(
    folder: Path, graph: str, place: object, where: str
) -> None:
    assert callable(place)
    data = place(LOCATIONS[where].format(outside=folder.parent))
    with pytest.raises(BundleError, match=r"\.onnx names the file .*: the weights of a bundle are"):
        _explain(folder, graph, data)


def _explain(folder: Path, graph: str, data: bytes) -> None:
    file = folder / f"{graph}.onnx"
    file.write_bytes(data)
    digest = digest_file(file)
    edit_manifest(folder, lambda manifest: manifest["graphs"][graph].update(sha256=digest))
    camruntime.load(folder, ["cpu"]).explain(PHOTO, "score-cam")


@pytest.mark.parametrize("place", [_branch, _constant, _sparse, _function])
def test_weights_are_those_of_the_main_graph(folder: Path, place: object) -> None:
    """ONNX Runtime would read them from the disk, unchecked."""
    assert callable(place)
    with pytest.raises(BundleError, match=r"head\.onnx names the file 'weights\.bin'"):
        _explain(folder, "head", place("weights.bin"))


# CVE-2026-34445: what else an entry says.
@pytest.mark.parametrize(
    "more",
    [
        {"offset": "-4"},
        {"offset": "-1000000"},
        {"offset": "99999999999"},
        {"offset": "9223372036854775800"},
        {"offset": "18446744073709551608"},
        {"offset": "x"},
        {"offset": ""},
        {"length": "-16"},
        {"length": "4"},
        {"length": "99999999999"},
    ],
)
def test_places_outside_the_weights(folder: Path, more: dict[str, str]) -> None:
    with pytest.raises(CamError, match=r"head\.onnx") as raised:
        _explain(folder, "head", _plain("weights.bin", more))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("where", LOCATIONS)
@pytest.mark.parametrize("place", PLACES)
def test_an_edge_model_is_one_file(folder: Path, place: object, where: str) -> None:
    assert callable(place)
    data = place(LOCATIONS[where].format(outside=folder.parent))
    write_edge_model(folder, data, "theirs", input="x", output="y")
    with pytest.raises(EdgeModelError, match=r"edges\.onnx names the file .*: save the model as"):
        camruntime.load(folder, ["cpu"]).explain(PHOTO, "feature-cam")


def test_files_of_a_provider_s_own(folder: Path) -> None:
    context = _model(_graph(_node(b"EPContext", (b"x",), b"y")))
    with pytest.raises(BundleError, match="has the operator EPContext, which reads files"):
        _explain(folder, "head", context)


def test_what_is_no_protobuf_is_refused_or_names_nothing() -> None:
    good = _plain("weights.bin")
    require_own_files(good, {"weights.bin"})
    rng = np.random.default_rng(0)
    for data in (b"\xff" * 20, b"\x3a\xff\xff\xff\xff\x7f", b"\x0b", b"\x3a\x05abc", b"\x80" * 9):
        with pytest.raises(ValueError, match="is no ONNX"):
            require_own_files(data, ())
    deep = b""
    for _ in range(300):
        deep = _bytes(1, _bytes(5, _bytes(6, deep)))
    with pytest.raises(ValueError, match="nested too deep"):
        require_own_files(_bytes(7, deep), ())
    for _ in range(2000):
        cut = bytearray(good[: rng.integers(len(good))])
        for place in rng.integers(0, max(len(cut), 1), 3):
            cut[place : place + 1] = bytes([rng.integers(256)])
        try:
            require_own_files(bytes(cut), {"weights.bin"})
        except ValueError as error:
            assert "\n" not in str(error)  # noqa: PT017  # any message of ours will do
