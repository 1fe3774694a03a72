"""What counts as a forward pass."""

from __future__ import annotations

import numpy as np

from camruntime.evaluation.counting import CountingGraphs
from camruntime.graphs import Occlusion
from camruntime.interpolation import bilinear
from camruntime.rescale import FloatArray
from numpy_graphs import NumpyGraphs


def test_pictures_and_gradients_count_and_copies_of_activations_do_not(
    numpy_graphs: NumpyGraphs, image: FloatArray
) -> None:
    graphs = CountingGraphs(numpy_graphs)
    forward = graphs.forward(image)
    assert graphs.passes == 1
    masks, upsampling = np.ones((3, 4, 6), np.float32), bilinear((4, 6), (8, 12))
    masked = graphs.logits_of_masked_images(image, masks, upsampling)
    assert graphs.passes == 4
    np.testing.assert_allclose(masked, np.repeat(forward.logits[None], 3, 0), rtol=1e-5)
    occlusion = Occlusion(image, image, np.zeros((1, 3, 1, 1), np.float32))
    graphs.logits_of_occluded_images(occlusion, masks, upsampling)
    assert graphs.passes == 7
    graphs.logits(np.repeat(image, 2, 0))
    graphs.activations(np.repeat(image, 2, 0))
    assert graphs.passes == 11
    graphs.gradients(forward.layer.rows([0, 0]), [1, 2])
    assert graphs.passes == 13
    graphs.logits_of_masked_activations(forward.layer, masks)
    graphs.logits_of_single_cells(forward)
    graphs.edges(image, "scharr")
    assert graphs.passes == 13
