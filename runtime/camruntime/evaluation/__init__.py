"""Explanations measured on a data set, and beside each other."""

from camruntime.evaluation.choosing import choose_methods, choose_metrics
from camruntime.evaluation.comparing import compare_method, comparison_html, comparison_sheet
from camruntime.evaluation.drawing import gallery_pictures, mistake_pictures
from camruntime.evaluation.estimates import Estimate
from camruntime.evaluation.evaluate import Evaluation, spread
from camruntime.evaluation.evidence import calibrated_with
from camruntime.evaluation.files import (
    REPORT,
    RESULTS,
    SUMMARY,
    read_results,
    write_page,
    write_results,
    write_summary,
)
from camruntime.evaluation.findings import findings
from camruntime.evaluation.gallery import worth_seeing
from camruntime.evaluation.randomisation import RandomisationCheck, compare_stages
from camruntime.evaluation.report import GalleryPicture, MistakePicture, report_html
from camruntime.evaluation.statistics import mean_over_samples
from camruntime.evaluation.summary import Summary
from camruntime.evaluation.terminal_table import summary_table
from camruntime.evaluation.usable_methods import require_few_passes, usable_methods
from camruntime.evaluation.verdict import Similarity

__all__ = [
    "REPORT",
    "RESULTS",
    "SUMMARY",
    "Estimate",
    "Evaluation",
    "GalleryPicture",
    "MistakePicture",
    "RandomisationCheck",
    "Similarity",
    "Summary",
    "calibrated_with",
    "choose_methods",
    "choose_metrics",
    "compare_method",
    "compare_stages",
    "comparison_html",
    "comparison_sheet",
    "findings",
    "gallery_pictures",
    "mean_over_samples",
    "mistake_pictures",
    "read_results",
    "report_html",
    "require_few_passes",
    "spread",
    "summary_table",
    "usable_methods",
    "worth_seeing",
    "write_page",
    "write_results",
    "write_summary",
]
