"""A process that explains and says what memory it took.

python -m gpu.memory_process OUT NETWORK [shared] [captured]     (started by `memory.py`)
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from camruntime.bundle import Bundle
from camruntime.engine import Engine, OnnxGraphs
from camruntime.methods import GradCAM, ReciproCAM, ScoreCAM
from gpu.case import NotHere, heard
from gpu.environment import query_card
from gpu.images import image_of
from gpu.networks import bundle_of
from gpu.opening import open_engine, provider
from gpu.setting import Setting


def main() -> None:
    setting, network, switches = Setting.read(Path(sys.argv[1])), sys.argv[2], sys.argv[3:]
    assert setting is not None
    try:
        with heard() as lines:
            opened, explained = measure(setting, network, switches)
        answer: dict[str, object] = {"opened": opened, "explained": explained, "said": lines}
    except NotHere as reason:
        answer = {"not here": str(reason)}
    print(json.dumps(answer))


def measure(setting: Setting, network: str, switches: list[str]) -> tuple[int, int]:
    """Bytes with the provider opened, and after it explained."""
    bundle, before = bundle_of(setting, network), used(setting)
    if "shared" not in switches:
        bundle = without_sharing(bundle)
    engine = open_engine(
        bundle, provider(setting, "float32"), setting, capture="captured" in switches
    )
    opened = used(setting)
    explain(engine, setting.size.masked)
    return opened - before, used(setting) - before


def without_sharing(bundle: Bundle) -> Bundle:
    """The same, each of whose graphs takes its own copy of the weights."""
    manifest = bundle.manifest
    graphs = {name: replace(graph, shared=()) for name, graph in manifest.graphs.items()}
    return replace(bundle, manifest=replace(manifest, graphs=graphs))


def explain(engine: Engine, masked: int | None) -> None:
    """By all graphs of a bundle but one, and Score-CAM by one chunk, of its usual size for None."""
    graphs = OnnxGraphs(engine)
    forward = graphs.forward(image_of(engine.bundle))
    GradCAM()(graphs, forward, [0])
    ReciproCAM()(graphs, forward, [0])
    part = replace(forward, activations=forward.activations[:, : masked or graphs.batch])
    ScoreCAM()(graphs, part, [0])


def used(setting: Setting) -> int:
    """Bytes: of the card, all that is in use, as arenas never shrink; of this process, the most."""
    if setting.device == "cuda":
        return int(query_card("memory.used")[0]) * 2**20
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
