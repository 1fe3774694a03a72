"""Photographs in and pictures out: reading, preparing for the network, overlays, boxes."""

from camruntime.pictures.blur import gaussian_blur, gaussian_blur_within
from camruntime.pictures.boxes import (
    Box,
    ConnectedParts,
    connected_parts,
    regions_above,
    salient_boxes,
)
from camruntime.pictures.legend import captioned
from camruntime.pictures.outline import MAGENTA, outlined
from camruntime.pictures.overlay import contact_sheet, evidence_overlay, overlay
from camruntime.pictures.picture import (
    Picture,
    Pixels,
    Values,
    as_picture,
    drawn,
    encode_png,
    read_picture,
)
from camruntime.pictures.preprocessing import Fit, fit, prepare
from camruntime.pictures.reading import MEGAPIXELS, decode

__all__ = [
    "MAGENTA",
    "MEGAPIXELS",
    "Box",
    "ConnectedParts",
    "Fit",
    "Picture",
    "Pixels",
    "Values",
    "as_picture",
    "captioned",
    "connected_parts",
    "contact_sheet",
    "decode",
    "drawn",
    "encode_png",
    "evidence_overlay",
    "fit",
    "gaussian_blur",
    "gaussian_blur_within",
    "outlined",
    "overlay",
    "prepare",
    "read_picture",
    "regions_above",
    "salient_boxes",
]
