"""torch-cam in a process of its own, as its README has it.

python run_torch_cam.py FOLDER THREADS DEVICE     (started by `python benchmarks/speed`)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from serving import serve
from torchcam import methods


def main() -> None:
    folder = Path(sys.argv[1])
    torch.set_num_threads(int(sys.argv[2]))
    subject = json.loads((folder / "subject.json").read_text(encoding="utf-8"))
    network = torch.load(folder / "network.pt", weights_only=False).to(sys.argv[3])
    image = torch.from_numpy(np.load(folder / "image.npy")).to(sys.argv[3])

    def saliency(kind: str) -> NDArray[np.float32]:
        """A map at the target layer's size, from the normalised tensor on."""
        with getattr(methods, kind)(network, subject["layer"]) as cam:
            (found,) = cam(subject["target"], network(image))
        return np.asarray(found[0].detach().cpu(), np.float32)

    def without_gradient(kind: str) -> NDArray[np.float32]:
        """The same for methods that need no gradient."""
        with torch.no_grad():
            return saliency(kind)

    serve({"map": saliency, "without_gradient": without_gradient})


if __name__ == "__main__":
    main()
