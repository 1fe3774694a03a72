"""pytorch-grad-cam in a process of its own, as its README has it.

python run_pytorch_grad_cam.py FOLDER THREADS DEVICE     (started by `python benchmarks/speed`)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytorch_grad_cam
import torch
from numpy.typing import NDArray
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from serving import serve


def main() -> None:
    folder = Path(sys.argv[1])
    torch.set_num_threads(int(sys.argv[2]))
    subject = json.loads((folder / "subject.json").read_text(encoding="utf-8"))
    network = torch.load(folder / "network.pt", weights_only=False).to(sys.argv[3])
    image = torch.from_numpy(np.load(folder / "image.npy")).to(sys.argv[3])
    layer = network.get_submodule(subject["layer"])
    targets = [ClassifierOutputTarget(subject["target"])]

    def saliency(kind: str) -> NDArray[np.float32]:
        """A map at the size of the image, from the normalised tensor on."""
        with getattr(pytorch_grad_cam, kind)(network, [layer]) as cam:
            return np.asarray(cam(image, targets)[0], np.float32)

    def frozen(kind: str) -> NDArray[np.float32]:
        """The same, all parameters frozen but the target layer's: the least that lets it work."""
        network.requires_grad_(False)
        layer.requires_grad_()
        return saliency(kind)

    serve({"map": saliency, "frozen": frozen})


if __name__ == "__main__":
    main()
