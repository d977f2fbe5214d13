"""Tensors as integers, and values for these."""
