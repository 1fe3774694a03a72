"""`python benchmarks/gpu`, small: on the CPU, and on WebGPU, or `--provider`'s, where it opens."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from contenders import METHODS as METHODS_BESIDE
from contenders import Contender
from gpu import part_process, peers, running
from gpu.case import Case, Clock, NotHere
from gpu.copies import WatchedEngine, copies_inside, mask_images
from gpu.environment import query_card
from gpu.flops import flops_of_an_image
from gpu.journal import Left, Result, read_result, write_result
from gpu.memory_process import used, without_sharing
from gpu.networks import place_of
from gpu.opening import provider as provider_of
from gpu.parity import Alike
from gpu.parts import PARTS, Part, seconds_of
from gpu.setting import DEVICES, Setting
from gpu.throughput import Pace
from torch.utils.flop_counter import FlopCounterMode

from camruntime.bundle import open_bundle
from camruntime.engine import Engine, OnnxGraphs
from camruntime.errors import ProviderError
from camruntime.methods import BASELINES, METHODS

PROJECT = Path(__file__).parents[2]
INSPECTOR = PROJECT / "exported_models" / "inspector"
Row = dict[str, Any]


def run(device: str, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    given = ["--device", device, "--small", "--threads", "1", "--out", str(out), *more]
    return subprocess.run(
        [sys.executable, str(PROJECT / "benchmarks" / "gpu"), *given],
        capture_output=True,
        text=True,
        check=False,
    )


@dataclass(frozen=True)
class Run:
    """A run that is over: where, and what it printed."""

    device: str
    out: Path
    done: subprocess.CompletedProcess[str]

    def part(self, name: str) -> Result:
        found = read_result(self.out, name)
        assert found is not None
        return found

    def table(self, title: str) -> list[list[str]]:
        """Cells of a table in `table.md`, without its header."""
        text = (self.out / "table.md").read_text(encoding="utf-8")
        (_, table) = text.split(f"### {title}\n\n")
        lines = table.partition("\n\n")[0].splitlines()[2:]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def no_device(device: str) -> str | None:
    """Why the benchmark does not run there."""
    if device not in DEVICES:
        return f"the benchmark knows {', '.join(DEVICES)}"
    try:
        Engine(open_bundle(INSPECTOR), [device])
    except ProviderError as error:
        return str(error)
    return None


@pytest.fixture(scope="module", params=["cpu", "device"])
def ended(
    request: pytest.FixtureRequest, provider: str, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    other = "webgpu" if provider == "cpu" else provider
    device = "cpu" if request.param == "cpu" else other
    refusal = no_device(device)
    if refusal is not None:
        pytest.skip(f"no {device} here: {refusal}")
    out = tmp_path_factory.mktemp(device) / "out"
    return Run(device, out, run(device, out))


def test_all_parts_are_done(ended: Run) -> None:
    assert ended.done.returncode == 0, ended.done.stdout + ended.done.stderr
    assert {name: ended.part(name).status for name in PARTS} == dict.fromkeys(PARTS, "done")


def test_what_is_left_out_has_a_reason(ended: Run) -> None:
    """TF32 anywhere but on CUDA; on WebGPU the peers."""
    left = {(part, one.what): one for part in PARTS for one in ended.part(part).left}
    assert (("parity", "inspector, tf32") in left) == (ended.device != "cuda")
    assert (("peers", "resnet18") in left) == (ended.device == "webgpu")
    assert not any(one.failed for one in left.values())
    shown = {
        (part, what, why)
        for part, whats, why in ended.table("Not measured, or not as asked")
        for what in whats.split("; ")
    }
    assert shown == {
        (part, one.what, one.why.replace("|", "/"))
        for part in PARTS
        for one in ended.part(part).left
    }


def test_maps_are_those_of_the_cpu(ended: Run) -> None:
    found = ended.part("parity").of(Alike)
    for precision, atol in ("float32", 1e-3), ("fp16", 0.02):
        plain = {
            one.method: one for one in found if one.precision == precision and not one.captured
        }
        assert plain.keys() == {*METHODS, *BASELINES}
        assert max(one.difference for one in plain.values()) <= atol
        assert all(one.passes and one.correlation > 0.999 for one in plain.values())
    recorded = {one.method for one in found if one.captured and one.precision == "float32"}
    wanted = set(setting(ended.out).size.captured or ())
    assert recorded == (set() if ended.device == "cpu" else wanted)
    assert all(one.passes for one in found if one.captured)
    halves = [one.difference for one in found if one.precision == "fp16" and not one.captured]
    assert max(halves) > 1e-5, "float16 is not float32"
    shown = ended.table("Parity with the CPU in float32")
    assert sum(int(cells[3]) for cells in shown) == len(found)
    assert {cells[-1] for cells in shown} == {"none"}, "that other maps are shown for"
    of_halves = next(cells for cells in shown if cells[1:3] == ["fp16", "no"])
    assert of_halves[4].startswith(f"{max(halves):.1e} (")


def test_the_share_is_of_the_rate_that_was_measured(ended: Run) -> None:
    """In the table, from the rows: operations of all images over the seconds, over the rate."""
    rates = {one["precision"]: one for one in ended.part("matrix_rate").rows}
    paces = ended.part("throughput").rows
    shown = ended.table("Score-CAM")
    assert len(shown) == len(paces) >= 3
    for one, cells in zip(paces, shown, strict=True):
        rate = 2 * rates[one["precision"]]["side"] ** 3 / rates[one["precision"]]["seconds"]
        share = one["flops"] * one["images"] / one["seconds"] / rate
        # The CPU computes float16 in float32, with casts around each product.
        assert 0 < share <= (1.5 if one["precision"] == "float32" else 2)
        assert cells[-1] == f"{share:.0%}"
        assert one["images"] == 16
        assert one["whole"] == 96  # channels of the inspector's layer
        assert float(cells[5]) == pytest.approx(16 / one["seconds"] / 96, rel=0.01)


def test_nothing_but_small_masks_crosses(ended: Run) -> None:
    found = ended.part("copies").rows
    tf32 = ["tf32"] if ended.device == "cuda" else []
    assert [one["precision"] for one in found] == ["float32", *tf32, "fp16"]
    for one in found:
        assert one["images"] == 0
        assert one["with_runs"] == one["masked"] * 16 * 16 * 4
        assert one["fetched"] == one["masked"] * 5 * 4  # logits of five classes
        assert one["of_the_images"] == one["masked"] * 3 * 128 * 128 * 4
        sides = 128 * 16 * 4  # of the two matrices that enlarge masks
        assert one["once"] == 3 * 128 * 128 * 4 + 2 * sides
        assert one["moved"] < one["of_the_images"] / 100


def test_memory_is_of_a_process_that_explains(ended: Run) -> None:
    found = ended.part("memory").rows
    assert {one["shared"] for one in found if not one["captured"]} == {True, False}
    for one in found:
        assert 1e6 < one["opened"] < one["explained"] < 2e9


def test_peers_show_the_same_map(ended: Run) -> None:
    if ended.device == "webgpu":
        pytest.skip("PyTorch has no WebGPU")
    found = {one["library"]: one for one in ended.part("peers").rows}
    assert found.keys() == {"camruntime", "pytorch-grad-cam", "torch-cam"}
    assert found["camruntime"]["ratio"] == 1
    for name in "pytorch-grad-cam", "torch-cam":
        assert found[name]["correlation"] > 0.999
        assert found[name]["ratio"] > 0.1


def test_a_run_goes_on_where_it_was(ended: Run) -> None:
    """What is done is left alone; a part that was cut is measured anew."""
    before = {name: (ended.out / f"{name}.json").read_bytes() for name in PARTS}
    write_result(ended.out, "copies", Result("running", 0.0))
    again = run(ended.device, ended.out)
    assert again.returncode == 0, again.stdout + again.stderr
    lines = [line for line in again.stdout.splitlines() if re.match(r"^\w+: ", line)]
    now = {line.partition(": ")[0]: line.partition(": ")[2] for line in lines}
    assert now.pop("copies").startswith("done, ")
    assert {now[name] for name in PARTS if name != "copies"} == {"there already"}
    after = {name: (ended.out / f"{name}.json").read_bytes() for name in PARTS}
    assert {name for name in PARTS if after[name] != before[name]} <= {"copies"}
    assert ended.part("copies").rows == tuple(json.loads(before["copies"])["rows"])


def test_a_folder_holds_one_setting(ended: Run) -> None:
    other = run(ended.device, ended.out, "--threads", "2")
    assert other.returncode == 1
    assert "name another --out" in other.stderr
    assert Setting.read(ended.out) == setting(ended.out, device=ended.device)


def setting(out: Path, **changed: Any) -> Setting:
    usual = Setting(device="cpu", small=True, threads=1, out=str(out))
    return replace(usual, **changed)


def test_what_fails_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A case that raises, one that is not here, and one that raises half way."""

    def raises(error: Exception, *rows: Pace) -> Iterator[Pace]:
        yield from rows
        raise error

    pace = Pace("one", "float32", False, 16, 32, 96, 0.5, 100)
    cases = [
        Case("first", lambda _: raises(RuntimeError("trace\n  out of luck\n"), pace)),
        Case("second", lambda _: raises(NotHere("no such card"))),
        Case("third", lambda _: [replace(pace, network="two")]),
    ]
    monkeypatch.setitem(PARTS, "some", Part(60, lambda _: iter(cases)))
    found = part_process.measure(setting(tmp_path), "some")
    assert found == read_result(tmp_path, "some")
    assert found.status == "failed"
    assert found.of(Pace) == [pace, replace(pace, network="two")]
    assert [(one.what, one.why, one.failed) for one in found.left] == [
        ("first", "RuntimeError: out of luck", True),
        ("second", "no such card", False),
    ]


def test_all_parts_together_are_eight_minutes_on_a_card(tmp_path: Path) -> None:
    card = setting(tmp_path, device="cuda")
    assert sum(seconds_of(card, name) for name in PARTS) < 8 * 60


def test_a_peer_that_fails_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose process ends, and one that is not installed, beside a process that answers."""
    answers = "import json, sys\nimport numpy as np\nfor line in sys.stdin:\n"
    answers += "    save = json.loads(line)['save']\n    save and np.save(save, np.eye(3))\n"
    answers += "    print(json.dumps({'seconds': 2.0, 'peak': 1}), flush=True)\n"
    scripts = {"good.py": answers, "bad.py": "raise SystemExit('no such kernel')"}
    for name, text in scripts.items():
        (tmp_path / name).write_text(text)
    entries = [("camruntime", "good.py"), ("pytorch-grad-cam", "bad.py"), ("torch-cam", "good.py")]
    contenders = tuple(
        Contender(library, str(tmp_path / script), "", ("map",), "same")
        for library, script in entries
    )
    monkeypatch.setitem(METHODS_BESIDE, "score-cam", contenders)
    monkeypatch.setitem(peers.MODULES, "torch-cam", "no_such_module")
    monkeypatch.setattr(peers, "bundle_of", lambda *_: None)
    place_of(setting(tmp_path), "resnet18").mkdir(parents=True)
    (case,) = peers.cases(setting(tmp_path))
    failed, missing, ours = case.run(Clock(60))
    assert failed == Left("resnet18, pytorch-grad-cam", "RuntimeError: no such kernel", failed=True)
    assert missing == Left("resnet18, torch-cam", "it is not installed")
    assert ours == peers.Beside("resnet18", "camruntime", 2.0, 1.0, None)


def test_what_has_no_time_is_said() -> None:
    (left,) = Case("late", lambda _: [1]).run(Clock(-1))
    assert left.why == "the part's -1 s were over"
    assert [*Case("in time", lambda _: [1]).run(Clock(60))] == [1]


def test_a_process_that_ends_or_hangs_is_a_failed_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its setting a process ends at once; without time it is stopped."""
    found, now = running.run_part(setting(tmp_path), "environment", again=False)
    assert now
    assert found.status == "failed"
    assert re.match("the process ended with 1: AssertionError", found.left[0].why)
    setting(tmp_path).write()
    monkeypatch.setattr(running, "GRACE", 0.01 - seconds_of(setting(tmp_path), "environment"))
    found, _ = running.run_part(setting(tmp_path), "environment", again=False)
    assert found.status == "failed"
    assert found.left[0].why.startswith("stopped after 0.01 s")
    assert read_result(tmp_path, "environment") == found


def test_images_that_cross_are_seen() -> None:
    """The same watch on a way that does send them."""
    engine = WatchedEngine(open_bundle(INSPECTOR), ["cpu"], threads=1)
    mask_images(engine, 2)
    assert engine.door.images == 1
    OnnxGraphs(engine, 2).logits(np.zeros((5, 3, 128, 128), np.float32))
    assert engine.door.images == 6


def test_copies_inside_graphs_are_counted(tmp_path: Path) -> None:
    """In profiles as ONNX Runtime writes them: only what a node of that kind did counts."""

    def node(kind: str, size: str, category: str = "Node") -> Row:
        return {"cat": category, "name": "n", "args": {"op_name": kind, "output_size": size}}

    profiles = {
        "one": [node("MemcpyFromHost", "5"), node("Conv", "7"), {"cat": "Session", "name": "run"}],
        "two": [node("MemcpyToHost", "20"), node("MemcpyToHost", "100", "Kernel")],
    }
    files = [tmp_path / name for name in profiles]
    for file in files:
        file.write_text(json.dumps(profiles[file.name]))
    assert copies_inside(files) == (2, 25)


def test_a_cards_memory_is_the_drivers_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From MiB; and where nobody can be asked, that is the reason."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotHere, match="nvidia-smi is not on the path"):
        used(setting(tmp_path, device="cuda"))
    driver = tmp_path / "nvidia-smi"
    driver.write_text(f"#!{sys.executable}\nimport sys\nprint('512' if '-i' in sys.argv else '')\n")
    driver.chmod(0o755)
    assert used(setting(tmp_path, device="cuda")) == 512 * 2**20
    assert query_card("memory.used") == ["512"]


def test_tf32_is_an_option_of_cudas(tmp_path: Path) -> None:
    card = setting(tmp_path, device="cuda")
    assert provider_of(card, "tf32") == ("cuda", {"use_tf32": "1"})
    assert provider_of(card, "float32") == provider_of(card, "fp16") == "cuda"
    with pytest.raises(NotHere, match="NVIDIA"):
        provider_of(setting(tmp_path), "tf32")


def test_without_sharing_every_graph_has_its_own_weights() -> None:
    bundle = open_bundle(INSPECTOR)
    assert any(graph.shared for graph in bundle.manifest.graphs.values())
    alone = without_sharing(bundle)
    assert not any(graph.shared for graph in alone.manifest.graphs.values())
    assert alone.graph("tail") == replace(bundle.graph("tail"), shared=())


def test_operations_are_those_that_pytorch_counts(ended: Run) -> None:
    if ended.device == "webgpu":
        pytest.skip("it builds no network of PyTorch's")
    place = ended.out / "networks" / "resnet18"
    network = torch.load(place / "network.pt", weights_only=False)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.from_numpy(np.load(place / "image.npy")))
    assert flops_of_an_image(open_bundle(place / "bundle")) == counter.get_total_flops()
