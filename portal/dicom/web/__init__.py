"""DICOMweb (PS3.18): search (QIDO-RS), retrieval (WADO-RS) and storage (STOW-RS)."""
