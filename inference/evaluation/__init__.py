"""Comparing results with references, and the figures that follow."""
