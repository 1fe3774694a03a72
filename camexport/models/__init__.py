"""Where networks come from: torchvision, the built-in inspector, the user's own code."""

from camexport.models._architecture import Architecture
from camexport.models.finding import find_architecture, load_network

__all__ = ["Architecture", "find_architecture", "load_network"]
