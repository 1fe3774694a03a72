"""The runtime's resize beside the one that torchvision's weights were measured with."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from camexport.models import find_architecture
from camruntime.pictures import Picture, prepare


@pytest.mark.parametrize("enlarged", [False, True])
def test_close_to_torchvisions_transform(photo: Picture, enlarged: bool) -> None:
    """Not equal: area averaging stands in for the antialiased filter. A grey level is 0.017."""
    weights = torchvision.models.ResNet18_Weights.DEFAULT
    large = cv2.resize(photo, (801, 603), interpolation=cv2.INTER_CUBIC)
    picture = photo if enlarged else np.asarray(large, np.uint8)
    expected = weights.transforms()(Image.fromarray(picture))[None]
    found = torch.from_numpy(prepare(picture, find_architecture("resnet18").input))
    assert found.shape == expected.shape
    difference = (found - expected).abs()
    assert float(difference.mean()) < 0.02
    assert float(difference.max()) < 0.25
