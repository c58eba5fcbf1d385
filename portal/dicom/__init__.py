"""The portal beside PACS, scanners and record systems: C-STORE, DICOMweb, delivery, import of priors."""
