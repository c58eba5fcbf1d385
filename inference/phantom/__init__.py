"""Synthetic thorax CT with exact truth: serial scans of patients who do not exist."""

from inference.phantom.dicom import SyntheticIdentity, write_series
from inference.phantom.patient import Acquisition, PhantomPatient, SyntheticScan, Truth
from inference.phantom.scenarios import SCENARIOS, Scenario, scans_of

__all__ = [
    "SCENARIOS",
    "Acquisition",
    "PhantomPatient",
    "Scenario",
    "SyntheticIdentity",
    "SyntheticScan",
    "Truth",
    "scans_of",
    "write_series",
]
