"""The LungTrend portal: one Django application a clinical noun."""
