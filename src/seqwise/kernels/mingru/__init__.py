"""Gated recurrent unit whose gates see the input alone."""
