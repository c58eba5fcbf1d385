"""Segmentation and volumetry of pneumonia in chest CT; knows no Django and is usable alone."""
