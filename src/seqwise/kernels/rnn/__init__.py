"""Elman network with tanh."""
