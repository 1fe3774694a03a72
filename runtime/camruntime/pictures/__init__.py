"""Photographs in and pictures out: reading, preparing for the network, overlays, boxes."""

from camruntime.pictures.boxes import Box, connected_parts, regions_above, salient_boxes
from camruntime.pictures.overlay import contact_sheet, overlay
from camruntime.pictures.picture import (
    Picture,
    as_picture,
    decode,
    encode_png,
    gaussian_blur,
    read_picture,
)
from camruntime.pictures.preprocessing import Fit, fit, prepare

__all__ = [
    "Box",
    "Fit",
    "Picture",
    "as_picture",
    "connected_parts",
    "contact_sheet",
    "decode",
    "encode_png",
    "fit",
    "gaussian_blur",
    "overlay",
    "prepare",
    "read_picture",
    "regions_above",
    "salient_boxes",
]
