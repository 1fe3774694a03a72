"""Explanations measured on a data set, and beside each other."""

from camruntime.evaluation.comparing import compare_method, comparison_html, comparison_sheet
from camruntime.evaluation.evaluate import Evaluation, spread
from camruntime.evaluation.files import (
    REPORT,
    RESULTS,
    SUMMARY,
    read_results,
    write_page,
    write_results,
    write_summary,
)
from camruntime.evaluation.gallery import worth_seeing
from camruntime.evaluation.randomisation import RandomisationCheck, Similarity, compare_stages
from camruntime.evaluation.report import GalleryPicture, report_html
from camruntime.evaluation.statistics import mean_over_samples
from camruntime.evaluation.summary import Estimate, Summary
from camruntime.evaluation.terminal_table import summary_table
from camruntime.evaluation.usable_methods import usable_methods

__all__ = [
    "REPORT",
    "RESULTS",
    "SUMMARY",
    "Estimate",
    "Evaluation",
    "GalleryPicture",
    "RandomisationCheck",
    "Similarity",
    "Summary",
    "compare_method",
    "compare_stages",
    "comparison_html",
    "comparison_sheet",
    "mean_over_samples",
    "read_results",
    "report_html",
    "spread",
    "summary_table",
    "usable_methods",
    "worth_seeing",
    "write_page",
    "write_results",
    "write_summary",
]
