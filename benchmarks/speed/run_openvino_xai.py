"""OpenVINO XAI's Recipro-CAM, inserted into the graph, in a process and an environment of its own.

    PYTHON run_openvino_xai.py FOLDER THREADS DEVICE     (started by `python benchmarks/speed`)

That PYTHON needs `openvino-xai==1.1.0` and nothing of this project. The map is computed in float32:
left alone, OpenVINO takes bfloat16 where the processor has it. DEVICE is the CPU here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import openvino
from openvino_xai import Task, insert_xai
from openvino_xai.common.parameters import Method
from openvino_xai.common.utils import SALIENCY_MAP_OUTPUT_NAME
from serving import serve


def main() -> None:
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    cv2.setNumThreads(threads)
    subject = json.loads((folder / "subject.json").read_text(encoding="utf-8"))
    image = np.load(folder / "image.npy")
    core = openvino.Core()
    core.set_property("CPU", {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"})
    plain = core.read_model(folder / "whole.onnx")
    plain.reshape(image.shape)
    compiled: dict[str, openvino.CompiledModel] = {}

    def model(name: str) -> openvino.CompiledModel:
        """Compiled when first needed, so that the first map does not pay for the plain network."""
        if name not in compiled:
            inserted = plain if name == "plain" else with_branch()
            compiled[name] = core.compile_model(inserted, "CPU")
        return compiled[name]

    def with_branch() -> openvino.Model:
        return insert_xai(
            plain,
            task=Task.CLASSIFICATION,
            explain_method=Method.RECIPROCAM,
            target_layer=subject["node"],
            prepare_model=False,  # it would compile for all cores
        )

    def forward() -> None:
        model("plain")(image)

    photo = np.load(folder / "photo.npy")
    spec = json.loads((folder / "bundle" / "bundle.json").read_text(encoding="utf-8"))["input"]
    mean, std = (np.array(spec[name], np.float32) for name in ("mean", "std"))

    def prepared() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        """The photograph as the network's input, by OpenCV in as few steps as there are."""
        side, (height, width) = spec["shorter_side"], spec["size"]
        large = cv2.resize(photo, (side, side), interpolation=cv2.INTER_LINEAR)
        top, left = (side - height) // 2, (side - width) // 2
        seen = large[top : top + height, left : left + width]
        scaled = (seen.astype(np.float32) / 255 - mean) / std
        return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])

    assert np.abs(prepared() - image).max() < 1e-5

    def from_photo() -> object:
        """The same from the photograph on."""
        maps = model("recipro-cam")(prepared())[SALIENCY_MAP_OUTPUT_NAME]
        return cv2.resize(maps[0, subject["target"]], image.shape[:1:-1])

    def saliency() -> object:
        """The target's map, 0 to 255, at the size of the image, from the normalised tensor on."""
        maps = model("recipro-cam")(image)[SALIENCY_MAP_OUTPUT_NAME]
        return cv2.resize(maps[0, subject["target"]], image.shape[:1:-1])

    serve({"map": saliency, "from_photo": from_photo, "forward": forward})


if __name__ == "__main__":
    main()
