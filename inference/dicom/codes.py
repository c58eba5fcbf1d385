"""Coded terms for what we segment and measure: SNOMED CT, DICOM, UCUM, and our own where there is none."""

from dataclasses import dataclass

from highdicom.color import CIELabColor
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from inference.labels import InfectionLabel, LobeLabel, LungLabel

#: Scheme of our own terms (PS3.16 8.2: private schemes begin with 99).
PRIVATE_SCHEME = "99LUNGTREND"
MILLILITRE = Code("ml", "UCUM", "milliliter")
PERCENT = codes.UCUM.Percent
SCORE = Code("{score}", "UCUM", "score")
HOUR = Code("h", "UCUM", "hour")
CT_OF_CHEST = Code("169069000", "SCT", "CT of chest")
FINDING = Code("404684003", "SCT", "Clinical finding")

POI = Code("PoIR", PRIVATE_SCHEME, "Infected share of the lung")
INFECTED_VOLUME = Code("INFECTED", PRIVATE_SCHEME, "Infected lung volume")
SEVERITY = Code("CTSS", PRIVATE_SCHEME, "CT severity score, 0 to 25")
LOBE_SCORE = Code("CTSSLOBE", PRIVATE_SCHEME, "CT severity score of a lobe, 0 to 5")
GROWTH = Code("GROWTH", PRIVATE_SCHEME, "Growth of the infected volume since an earlier scan")
GROWTH_INTERVAL = Code("INTERVAL", PRIVATE_SCHEME, "Time since that earlier scan")


@dataclass(frozen=True, slots=True)
class Segment:
    """One structure of the segmentation: the mask it comes from, its label there, its name and its codes."""

    mask: str
    label: int
    name: str
    category: Code
    kind: Code
    color_lab: tuple[float, float, float]

    @property
    def color(self) -> CIELabColor:
        """Recommended display colour."""
        return CIELabColor(*self.color_lab)


def _anatomy(mask: str, label: int, name: str, code: str, color: tuple[float, float, float]) -> Segment:
    return Segment(mask, label, name, codes.SCT.AnatomicalStructure, Code(code, "SCT", name), color)


def _infection(label: InfectionLabel, kind: Code, color: tuple[float, float, float]) -> Segment:
    return Segment("infection", label, kind.meaning, codes.SCT.MorphologicallyAbnormalStructure, kind, color)


SEGMENTS = (
    _anatomy("lung", LungLabel.RIGHT, "Right lung", "3341006", (70, -20, -25)),
    _anatomy("lung", LungLabel.LEFT, "Left lung", "44029006", (75, -25, -10)),
    _anatomy("lobes", LobeLabel.RUL, "Upper lobe of right lung", "42400003", (65, 20, -40)),
    _anatomy("lobes", LobeLabel.RML, "Middle lobe of right lung", "72481006", (70, 30, 20)),
    _anatomy("lobes", LobeLabel.RLL, "Lower lobe of right lung", "266005", (60, -35, 20)),
    _anatomy("lobes", LobeLabel.LUL, "Upper lobe of left lung", "44714003", (70, -5, -35)),
    _anatomy("lobes", LobeLabel.LLL, "Lower lobe of left lung", "41224006", (75, -20, 40)),
    _infection(InfectionLabel.GROUND_GLASS, codes.DCM.GroundGlassOpacity, (80, 10, 70)),
    _infection(InfectionLabel.CONSOLIDATION, Code("95436008", "SCT", "Lung consolidation"), (55, 65, 45)),
    _infection(InfectionLabel.EFFUSION, codes.SCT.PleuralEffusion, (55, 20, -60)),
    _infection(InfectionLabel.INFECTED, Code("233604007", "SCT", "Pneumonia"), (60, 50, 60)),
)
