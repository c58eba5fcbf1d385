"""Inference jobs: their states, their queue, and the only door to the pipeline."""
