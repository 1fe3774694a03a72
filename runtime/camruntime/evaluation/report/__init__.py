"""An evaluation as one HTML page that needs nothing beside it."""

from camruntime.evaluation.report.columns import Column, columns_of, spec_html
from camruntime.evaluation.report.gallery import GalleryPicture, data_uri
from camruntime.evaluation.report.mistakes import MistakePicture
from camruntime.evaluation.report.page import facts_html, page_html
from camruntime.evaluation.report.report import report_html

__all__ = [
    "Column",
    "GalleryPicture",
    "MistakePicture",
    "columns_of",
    "data_uri",
    "facts_html",
    "page_html",
    "report_html",
    "spec_html",
]
