"""Results as DICOM objects: segmentation (SEG) and measurement report (SR), through highdicom."""
