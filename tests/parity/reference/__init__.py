"""Saliency methods written again in plain PyTorch, from their definitions, one file each.

Each file has `reference(network, layer, image, targets, **options) -> (targets, h, w)`. Nothing is
shared with camruntime: loops for batches, torch's own interpolation, hooks instead of graphs.
"""
