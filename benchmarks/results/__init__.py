"""Explanations measured on real pictures and on defects: what docs/results.md shows."""
