"""Data sets for evaluation: pictures, classes, and where these are."""
