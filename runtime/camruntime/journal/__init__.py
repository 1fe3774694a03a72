"""Results on disk as they come, so that work that is interrupted goes on where it was."""

from camruntime.journal.journal import DAMAGED, JOURNAL, Journal
from camruntime.journal.lock import FILE, FolderLock

__all__ = ["DAMAGED", "FILE", "JOURNAL", "FolderLock", "Journal"]
