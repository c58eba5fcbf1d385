"""Training: data sets, configurations, the loop, and what is built once from data."""
