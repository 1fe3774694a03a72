"""Records computed again, and compared with what they say."""

from camruntime.replay.agreement import TOLERANCE, Agreement, Level, agreement
from camruntime.replay.replay import Outcome, Replayed, replay

__all__ = ["TOLERANCE", "Agreement", "Level", "Outcome", "Replayed", "agreement", "replay"]
