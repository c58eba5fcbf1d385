"""Networks, in plain PyTorch."""
