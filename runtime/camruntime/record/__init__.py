"""One line of JSON for each part: what was decided, by what, and how to compute it again."""

from camruntime.record.lines import from_line, read_records, schema, to_line
from camruntime.record.log import RecordLog
from camruntime.record.making import REGIONS, record_of
from camruntime.record.picture import PictureOf, digest_pixels, picture_of
from camruntime.record.raw_map import GRID, WHOLE, RawMap, raw_map_of
from camruntime.record.record import (
    SCHEMA_VERSION,
    BundleOf,
    ErrorOf,
    EvidenceOf,
    MethodOf,
    Record,
    RegionOf,
    Stages,
    TargetOf,
    VerdictOf,
)
from camruntime.record.versions import Versions, versions

__all__ = [
    "GRID",
    "REGIONS",
    "SCHEMA_VERSION",
    "WHOLE",
    "BundleOf",
    "ErrorOf",
    "EvidenceOf",
    "MethodOf",
    "PictureOf",
    "RawMap",
    "Record",
    "RecordLog",
    "RegionOf",
    "Stages",
    "TargetOf",
    "VerdictOf",
    "Versions",
    "digest_pixels",
    "from_line",
    "picture_of",
    "raw_map_of",
    "read_records",
    "record_of",
    "schema",
    "to_line",
    "versions",
]
