"""The inspector, which ships with the project."""

from __future__ import annotations

from torch import nn

from camexport.inspector import LABELS, MEAN, SIZE, STD, WEIGHTS, Inspector
from camexport.models._architecture import Architecture
from camexport.weights import fit_state, read_state
from camruntime.bundle import Input

NAME = "inspector"


def find(name: str) -> Architecture | None:
    """The inspector, when that is the name."""
    if name != NAME:
        return None
    return Architecture(
        name=NAME,
        make=lambda _classes: Inspector(),
        publish=_publish,
        weights_name=WEIGHTS.name,
        input=Input(
            size=(SIZE, SIZE),
            colour="RGB",
            resize="squash",
            shorter_side=None,
            mean=(MEAN, MEAN, MEAN),
            std=(STD, STD, STD),
        ),
        input_assumed=False,
        labels=LABELS,
    )


def _publish() -> nn.Module:
    network = Inspector()
    fit_state(network, read_state(WEIGHTS), WEIGHTS.name)
    return network
