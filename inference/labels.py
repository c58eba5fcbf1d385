"""The meaning of every number in a mask, the same in files, database, viewer and DICOM."""

from enum import IntEnum


class LungLabel(IntEnum):
    """`lung.nii.gz`. Sides are the patient's."""

    RIGHT = 1
    LEFT = 2


class LobeLabel(IntEnum):
    """`lobes.nii.gz`: right upper, right middle, right lower, left upper, left lower lobe."""

    RUL = 1
    RML = 2
    RLL = 3
    LUL = 4
    LLL = 5


class InfectionLabel(IntEnum):
    """`infection.nii.gz`. Effusion is reported apart: it is not infected lung."""

    GROUND_GLASS = 1
    CONSOLIDATION = 2
    EFFUSION = 3
    INFECTED = 4


#: Labels that count as infected volume (the fourth: infected, kind unknown).
INFECTED_LABELS = (InfectionLabel.GROUND_GLASS, InfectionLabel.CONSOLIDATION, InfectionLabel.INFECTED)

RIGHT_LOBES = (LobeLabel.RUL, LobeLabel.RML, LobeLabel.RLL)
LEFT_LOBES = (LobeLabel.LUL, LobeLabel.LLL)
