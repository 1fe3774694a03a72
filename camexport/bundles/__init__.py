"""Bundles on disk: written complete or not at all, and the network made from one again."""

from camexport.bundles.external_data import store
from camexport.bundles.rebuild_network import rebuild_network
from camexport.bundles.staging import staged, staged_files
from camexport.bundles.write import Contents, write_bundle

__all__ = [
    "Contents",
    "rebuild_network",
    "staged",
    "staged_files",
    "store",
    "write_bundle",
]
