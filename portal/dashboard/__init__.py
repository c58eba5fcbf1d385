"""The pages clinicians use."""
