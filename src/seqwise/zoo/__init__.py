"""The zoo: a matched set of pretrained models that comes with the package; how each was made, and where it lies"""
