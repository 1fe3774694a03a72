"""Image classifiers from PyTorch to bundles of ONNX graphs, split at a target layer.

The command line is `camexport build`, `camexport layers` and `camexport verify`; from Python,
`camexport.build.build_bundle`. Importing the package itself needs no torch.
"""
