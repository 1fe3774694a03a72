"""Where networks come from: torchvision, timm, the built-in inspector, the user's own code."""

from camexport.models._architecture import Architecture, Published
from camexport.models._channels import input_channels
from camexport.models.answer import Settled, settle_answer
from camexport.models.behaviour import require_classifier
from camexport.models.finding import find_architecture, known_models, load_network, require_trust

__all__ = [
    "Architecture",
    "Published",
    "Settled",
    "find_architecture",
    "input_channels",
    "known_models",
    "load_network",
    "require_classifier",
    "require_trust",
    "settle_answer",
]
