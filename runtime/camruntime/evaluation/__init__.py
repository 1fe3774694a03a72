"""Explanations measured on a data set."""
