"""Many photographs in a list, beside a loop over single ones and beside plain classification.

    python benchmarks/many_images.py [resnet18 BUNDLE ...] [--photos FOLDER] [--count 32]
        [--megapixels 12 2] [--methods recipro-cam grad-cam cam] [--threads 2] [--repeat 5]

A network is a bundle's folder, or a name that `camexport build` knows, built with seeded random
weights. Photographs are those of a folder, or generated ones, written as JPEG of each of the sizes.
Images per second, medians over the repeats, all contenders in turn in every repeat:

- list: `explain` on the list of files; loop: `explain` on one file after the other;
- classify: the list without explanations, as fast as it goes: the same threads decode and prepare
  ahead, head and tail run at the batch size of `--batches` that is fastest on prepared images;
- decode: reading and preparing alone, in the same threads. No list can be faster.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from named_bundle import named_bundle
from rich.console import Console
from rich.table import Table

import camruntime
from camruntime.errors import CamError
from camruntime.explaining import Photograph, in_threads
from camruntime.pictures import Picture

console = Console()


def photograph(megapixels: float, seed: int) -> Picture:
    """A seeded picture 4:3 with structure at several scales and a sensor's noise."""
    rng = np.random.default_rng(seed)
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(megapixels * 1e6 / height)
    layers = [rng.random((n, n, 3), np.float32) for n in (3, 9, 40, 300)]
    shares = (0.45, 0.25, 0.2, 0.1)
    mixed = sum(
        share * cv2.resize(layer, (width, height))
        for share, layer in zip(shares, layers, strict=True)
    )
    noisy = mixed * 255 + rng.normal(0, 4, (height, width, 1)).astype(np.float32)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


def written(megapixels: float, count: int, folder: Path) -> list[Path]:
    """Photographs as JPEG files of quality 92; eight different ones, again and again."""
    folder.mkdir()
    files = []
    for index in range(count):
        files.append(folder / f"{index}.jpg")
        if index < 8:
            cv2.imwrite(
                str(files[-1]), photograph(megapixels, index), [cv2.IMWRITE_JPEG_QUALITY, 92]
            )
        else:
            files[-1].write_bytes(files[index % 8].read_bytes())
    return files


@dataclass(frozen=True)
class Subject:
    """A network, and how its contenders work.

    Attributes:
        explainer: on ONNX Runtime.
        threads: that read files, as many as compute.
        batch: of plain classification.
    """

    explainer: camruntime.Explainer
    threads: int
    batch: int

    def listed(self, files: list[Path], method: str) -> object:
        """All files at once."""
        return self.explainer.explain(files, method)

    def looped(self, files: list[Path], method: str) -> object:
        """One file after the other."""
        return [self.explainer.explain(file, method) for file in files]

    def read(self, files: list[Path]) -> Generator[Photograph, None, None]:
        """Files that are ready for the network, read in threads, a batch and more ahead."""
        ahead = self.batch + self.threads
        return in_threads(self.explainer.open, files, self.threads, lambda: ahead)

    def decode(self, files: list[Path]) -> object:
        """Nothing but reading."""
        return [one.image for one in self.read(files)]

    def classify(self, files: list[Path]) -> object:
        """The top classes."""
        graphs, images, classes = self.explainer.graphs(), self.read(files), []
        while some := [one.image for one in islice(images, self.batch)]:
            classes += [one.logits.argmax() for one in graphs.forwards(np.concatenate(some))]
        return classes


def subject(name: str, threads: int, batches: Sequence[int], folder: Path) -> Subject:
    """A bundle's folder opened, or a network of that name built with random weights."""
    bundle = named_bundle(name, "random", folder / name)
    explainer = camruntime.load(bundle.folder, threads=threads)
    side = explainer.bundle.manifest.input.size
    images = np.random.default_rng(0).standard_normal((max(batches), 3, *side), np.float32)

    def per_image(batch: int) -> float:
        return seconds(lambda: explainer.graphs().forwards(images[:batch])) / batch

    best = {batch: min(per_image(batch) for _ in range(4)) for batch in batches}
    return Subject(explainer, threads, min(batches, key=best.__getitem__))


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def speeds(
    one: Subject, files: list[Path], methods: Sequence[str], repeat: int
) -> dict[str, float]:
    """Images per second of each contender, medians; a first round is not counted."""
    contenders: dict[str, Callable[[], object]] = {
        "classify": lambda: one.classify(files),
        "decode": lambda: one.decode(files),
    }
    for method in methods:
        contenders[f"list {method}"] = partial(one.listed, files, method)
        contenders[f"loop {method}"] = partial(one.looped, files, method)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(repeat + 1):
        # Who comes next pays for the memory that one gave back: not the same one every time.
        for name in random.Random(turn).sample(sorted(contenders), len(contenders)):
            times[name].append(seconds(contenders[name]))
    return {name: len(files) / median(taken[1:]) for name, taken in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=["resnet18", "mobilenet_v2", "vgg16"])
    parser.add_argument("--photos", type=Path, default=None)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--megapixels", nargs="+", type=float, default=[12, 2])
    parser.add_argument("--methods", nargs="+", default=["recipro-cam", "grad-cam", "cam"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    columns = ["list", "loop", "list / loop", "classify (batch)", "list / classify", "decode"]
    table = Table(
        *("network", "photographs", "method", *columns),
        title=f"images per second, {arguments.threads} threads, medians of {arguments.repeat}",
    )
    with tempfile.TemporaryDirectory() as folder:
        sets = photographs(arguments, Path(folder))
        for name in arguments.networks:
            one = subject(name, arguments.threads, arguments.batches, Path(folder))
            for label, files in sets.items():
                for row in rows(one, files, arguments.methods, arguments.repeat):
                    model = one.explainer.bundle.manifest.model
                    cells = [f"{model} ({one.explainer.provider})", label, *row]
                    console.print(*cells, sep=" | ", highlight=False, soft_wrap=True)
                    table.add_row(*cells)
    console.print(table)


def photographs(arguments: argparse.Namespace, folder: Path) -> dict[str, list[Path]]:
    """The files of each set, by what the table calls it."""
    if arguments.photos is not None:
        files = sorted(one for one in arguments.photos.iterdir() if one.is_file())
        return {arguments.photos.name: files[: arguments.count]}
    return {
        f"{size:g} MP": written(size, arguments.count, folder / f"{size:g}")
        for size in arguments.megapixels
    }


def rows(one: Subject, files: list[Path], methods: Sequence[str], repeat: int) -> list[list[str]]:
    """A row for each method that can explain this network, from the method's name on."""
    usable = []
    for method in methods:
        try:
            one.explainer.explain(files[0], method)
            usable.append(method)
        except CamError as error:
            console.print(f"without {method}: {error}", soft_wrap=True)
    found = speeds(one, files, usable, repeat)
    return [
        [
            method,
            f"{found[f'list {method}']:.1f}",
            f"{found[f'loop {method}']:.1f}",
            f"{found[f'list {method}'] / found[f'loop {method}']:.2f}",
            f"{found['classify']:.1f} ({one.batch})",
            f"{found[f'list {method}'] / found['classify']:.2f}",
            f"{found['decode']:.1f}",
        ]
        for method in usable
    ]


if __name__ == "__main__":
    main()
