"""Between a segmenter's raw answer and a lung one can measure: coarse grid, airways, sides, holes."""
