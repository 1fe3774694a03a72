"""Execution providers beside the CPU's: are their maps the same, and are they faster?

    python benchmarks/providers.py BUNDLE PICTURES [--methods grad-cam ...] [--limit 20]

Contenders are the providers of the installed ONNX Runtime, onnxruntime-gpu's CUDA and TensorRT, and
those of the plugins beside it: WebGPU, OpenVINO, TensorRT RTX. Each runs in float32, which is the
default, and in the lower precision that it offers. Every picture is explained by all contenders in
turn, for the class that the CPU's network sees; seconds are medians over the pictures, after one
explanation to warm up.

The gate: maps whose correlation with the CPU's is at least 0.999 on every picture, and whose most
salient cell is the same on at least 99 percent of them. Differences are over the range of the CPU's
map. A contender that fails the gate shows other maps, however fast it is.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median

import numpy as np
import onnxruntime as ort
from rich.console import Console
from rich.table import Table

import camruntime
from camruntime.engine import Provider
from camruntime.errors import CamError
from camruntime.explanation import Explanation
from camruntime.pictures import as_picture

METHODS = ("recipro-cam", "grad-cam", "decom-cam", "score-cam")
CORRELATION, SAME_CELL = 0.999, 0.99
BF16 = '{"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}}'
CONTENDERS: dict[str, Provider] = {
    "cpu": "cpu",
    "openvino": "openvino",
    "openvino bf16": ("openvino", {"load_config": BF16}),
    "cuda": "cuda",
    "cuda tf32": ("cuda", {"use_tf32": "1"}),
    "tensorrt": "tensorrt",
    "tensorrt-rtx": "tensorrt-rtx",
    "webgpu": "webgpu",
    "tensorrt fp16": ("tensorrt", {"trt_fp16_enable": "1"}),
}
console = Console()


@dataclass
class Beside:
    """One contender's maps of one method beside the CPU's, a value per picture."""

    seconds: list[float] = field(default_factory=list)
    correlation: list[float] = field(default_factory=list)
    difference: list[float] = field(default_factory=list)
    same_cell: list[bool] = field(default_factory=list)
    same_class: list[bool] = field(default_factory=list)

    def add(self, seconds: float, ours: Explanation, reference: Explanation) -> None:
        """Count one picture."""
        one, other = ours.raw.ravel(), reference.raw.ravel()
        self.seconds.append(seconds)
        self.correlation.append(float(np.corrcoef(one, other)[0, 1]))
        self.difference.append(float(np.abs(one - other).max() / np.ptp(other)))
        self.same_cell.append(bool(one.argmax() == other.argmax()))
        self.same_class.append(ours.predicted.index == reference.predicted.index)

    @property
    def passes(self) -> bool:
        """Whether the maps count as the same."""
        return min(self.correlation) >= CORRELATION and fmean(self.same_cell) >= SAME_CELL


def opened(bundle: Path, threads: int | None) -> dict[str, camruntime.Explainer]:
    """Those contenders that open, the CPU first; says why the others do not."""
    found = {}
    for name, provider in CONTENDERS.items():
        try:
            found[name] = camruntime.load(bundle, [provider], threads=threads)
        except CamError as error:
            console.print(f"without {name}: {error}", markup=False, highlight=False)
    return found


def compare(
    contenders: dict[str, camruntime.Explainer], pictures: list[Path], method: str
) -> dict[str, Beside]:
    """Every picture by all contenders in turn; a map that is flat on the CPU is left out."""
    beside = {name: Beside() for name in contenders}
    for explainer in contenders.values():
        explainer.explain(pictures[0], method)
    for picture in pictures:
        photo, target = as_picture(picture), None
        for name, explainer in contenders.items():
            start = time.perf_counter()
            explanation = explainer.explain(photo, method, target)
            seconds = time.perf_counter() - start
            if name == "cpu":
                reference, target = explanation, explanation.target.index
                if reference.no_evidence:
                    break
            beside[name].add(seconds, explanation, reference)
    return beside


def rows(method: str, beside: dict[str, Beside]) -> list[list[str]]:
    base = median(beside["cpu"].seconds)
    return [
        [
            method if name == "cpu" else "",
            name,
            f"{median(one.seconds):.3f}",
            f"{base / median(one.seconds):.2f}x",
            f"{min(one.correlation):.6f}",
            f"{max(one.difference):.1e}",
            f"{fmean(one.same_cell):.0%}",
            f"{fmean(one.same_class):.0%}",
            "" if name == "cpu" else "same" if one.passes else "FAILS",
        ]
        for name, one in beside.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("pictures", type=Path, help="a folder of pictures")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--limit", type=int, default=20, help="pictures, in order of their names")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    endings = {".jpg", ".jpeg", ".png", ".bmp"}
    files = sorted(path for path in options.pictures.iterdir() if path.suffix.lower() in endings)
    pictures = files[: options.limit]
    if not pictures:
        parser.error(f"no pictures in {options.pictures}")
    contenders = opened(options.bundle, options.threads)
    model = contenders["cpu"].bundle.manifest.model
    title = f"{model}, {len(pictures)} pictures, ONNX Runtime {ort.__version__}"
    headers = ("seconds", "speed", "lowest r", "largest difference", "same cell", "same class")
    table = Table("method", "provider", *headers, "maps", title=title)
    for method in options.methods:
        with console.status(method):
            for row in rows(method, compare(contenders, pictures, method)):
                table.add_row(*row)
        table.add_section()
    console.print(table)


if __name__ == "__main__":
    main()
