"""SNOMED CT and private terms as plain text, for what writes other formats than DICOM. Light: web processes use it."""

from inference.labels import LobeLabel

#: Scheme of our own terms (PS3.16 8.2: private schemes begin with 99).
PRIVATE_SCHEME = "99LUNGTREND"
LUNG = ("39607008", "Lung structure")
LOBES = {
    LobeLabel.RUL: ("42400003", "Upper lobe of right lung"),
    LobeLabel.RML: ("72481006", "Middle lobe of right lung"),
    LobeLabel.RLL: ("266005", "Lower lobe of right lung"),
    LobeLabel.LUL: ("44714003", "Upper lobe of left lung"),
    LobeLabel.LLL: ("41224006", "Lower lobe of left lung"),
}
CT_OF_CHEST = ("169069000", "CT of chest")
VOLUME = ("118565006", "Volume")
EFFUSION = ("60046008", "Pleural effusion")
#: Private terms by their code.
OWN = {
    "PoIR": "Infected share of the lung",
    "INFECTED": "Infected lung volume",
    "CTSS": "CT severity score, 0 to 25",
    "CTSSLOBE": "CT severity score of a lobe, 0 to 5",
    "GROWTH": "Growth of the infected volume since an earlier scan",
    "INTERVAL": "Time since that earlier scan",
}
