"""camruntime in a process of its own: its maps, and the passes that their floors are made of.

    python run_camruntime.py FOLDER THREADS DEVICE     (started by `python benchmarks/speed`)

FOLDER is what `subject.py` wrote. Nothing here may import torch.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from serving import serve

import camruntime
from camruntime.engine import DeviceValue
from camruntime.explanation import Explanation
from camruntime.graphs import Forward
from camruntime.maps import FloatArray, bilinear
from camruntime.methods import make_method
from camruntime.pictures import prepare


class Turns:
    """What can be asked for; sessions are opened when a turn first needs them."""

    def __init__(self, folder: Path, threads: int, device: str) -> None:
        cv2.setNumThreads(threads)
        self.photo = np.load(folder / "photo.npy")
        self.target = json.loads((folder / "subject.json").read_text(encoding="utf-8"))["target"]
        self.explainer = camruntime.load(folder / "bundle", [device], threads=threads)
        self.graphs = self.explainer.graphs()
        self._uploaded: dict[int, DeviceValue] = {}

    def map(self, spec: str) -> FloatArray:
        """A raw map, from the photograph on."""
        found: Explanation = self.explainer.explain(self.photo, spec, self.target)
        assert found.saliency.any()  # the map at the input's size belongs to the work
        return found.raw

    def explained(self, spec: str) -> None:
        """An explanation, from the photograph on, whose map nobody looks at yet."""
        self.explainer.explain(self.photo, spec, self.target)

    def forward(self, images: int, batch: int) -> None:
        """Head and tail for so many images, a batch at a time."""
        engine = self.graphs.engine
        if batch not in self._uploaded:
            self._uploaded[batch] = engine.upload(np.repeat(self._image, batch, axis=0))
        names = engine.bundle.graph("head").outputs
        for _ in range(images // batch):
            outputs = engine.run("head", {"image": self._uploaded[batch]})
            engine.run("tail", dict(zip(names, outputs, strict=True)))

    def gradient(self) -> None:
        """The gradient graph, for one target."""
        self.graphs.gradients(self._whole.layer, [self.target])

    def tails(self, batch: int) -> None:
        """A tail for each live channel, a batch at a time."""
        if -batch not in self._uploaded:
            copies = np.repeat(self._whole.activations, batch, axis=0)
            self._uploaded[-batch] = self.graphs.engine.upload(copies)
        for _ in range(-(-len(self._live) // batch)):
            self.graphs.engine.run("tail", {"activations": self._uploaded[-batch]})

    def slice(self, spec: str, channels: int) -> None:
        """A whole map, of as many channels as are asked for."""
        part = self._whole.activations[:, np.resize(self._live, channels)]
        make_method(spec)(self.graphs, replace(self._whole, activations=part), [self.target])

    def slices(self, channels: int) -> float:
        """How many such slices the live channels of this picture make."""
        return len(self._live) / channels

    def one_chunk(self) -> None:
        """A chunk of masked images through the sessions that Score-CAM uses, and no more."""
        maps = self._whole.activations[0, : self.graphs.batch]
        size = self._image.shape[2], self._image.shape[3]
        upsampling = bilinear((maps.shape[1], maps.shape[2]), size)
        self.graphs.logits_of_masked_images(self._image, maps, upsampling)

    @cached_property
    def _image(self) -> FloatArray:
        return prepare(self.photo, self.explainer.bundle.manifest.input)

    @cached_property
    def _whole(self) -> Forward:
        return self.graphs.forward(self._image)

    @cached_property
    def _live(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Indices of the channels that are not flat."""
        return np.flatnonzero(np.ptp(self._whole.activations[0], axis=(1, 2)) > 0)


def main() -> None:
    turns = Turns(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    assert "torch" not in sys.modules
    passes = ("forward", "gradient", "tails", "slice", "slices", "one_chunk")
    serve({name: getattr(turns, name) for name in ("map", "explained", *passes)})


if __name__ == "__main__":
    main()
