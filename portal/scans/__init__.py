"""Uploads, scans, segmentation revisions, measurements and growth."""
