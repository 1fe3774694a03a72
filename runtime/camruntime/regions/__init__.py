"""Regions of an explanation: polygons, masks, boxes and sizes, and files that others read."""

from camruntime.regions.coco import CocoEntry, coco_entry, write_coco
from camruntime.regions.finding import PART, regions_of, relative_regions
from camruntime.regions.labelme import labelme_json, write_labelme
from camruntime.regions.millimetres import Millimetres, checked_scale
from camruntime.regions.polygons import Polygon, outlines
from camruntime.regions.record import regions_json, write_regions
from camruntime.regions.region import Region, Scale
from camruntime.regions.rle import Mask, decode_rle, encode_rle

__all__ = [
    "PART",
    "CocoEntry",
    "Mask",
    "Millimetres",
    "Polygon",
    "Region",
    "Scale",
    "checked_scale",
    "coco_entry",
    "decode_rle",
    "encode_rle",
    "labelme_json",
    "outlines",
    "regions_json",
    "regions_of",
    "relative_regions",
    "write_coco",
    "write_labelme",
    "write_regions",
]
