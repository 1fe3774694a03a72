"""One command for a GPU: `python benchmarks/gpu`, see `__main__.py`."""
