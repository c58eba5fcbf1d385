"""A course in miniature: points of an SVG polyline. Pure."""

from collections.abc import Sequence

WIDTH, HEIGHT, MARGIN = 88, 24, 3


def sparkline(values: Sequence[float]) -> str:
    """`points` attribute for values from left to right, 0 at the bottom; empty for fewer than two values."""
    if len(values) < 2:
        return ""
    top = max(values) or 1.0
    step = (WIDTH - 2 * MARGIN) / (len(values) - 1)
    rise = HEIGHT - 2 * MARGIN
    return " ".join(
        f"{MARGIN + i * step:.1f},{HEIGHT - MARGIN - rise * value / top:.1f}" for i, value in enumerate(values)
    )
