"""Coded terms for what we segment and measure: SNOMED CT, DICOM, UCUM, and our own where there is none."""

from dataclasses import dataclass

from highdicom.color import CIELabColor
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from inference.dicom import terms
from inference.labels import InfectionLabel, LobeLabel, LungLabel

MILLILITRE = Code("ml", "UCUM", "milliliter")
PERCENT = codes.UCUM.Percent
SCORE = Code("{score}", "UCUM", "score")
HOUR = Code("h", "UCUM", "hour")
CT_OF_CHEST = Code(terms.CT_OF_CHEST[0], "SCT", terms.CT_OF_CHEST[1])
FINDING = Code("404684003", "SCT", "Clinical finding")

POI, INFECTED_VOLUME, SEVERITY, LOBE_SCORE, GROWTH, GROWTH_INTERVAL = (
    Code(code, terms.PRIVATE_SCHEME, meaning) for code, meaning in terms.OWN.items()
)


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


def _lobe(label: LobeLabel, color: tuple[float, float, float]) -> Segment:
    code, name = terms.LOBES[label]
    return _anatomy("lobes", label, name, code, color)


def _infection(label: InfectionLabel, kind: Code, color: tuple[float, float, float]) -> Segment:
    return Segment("infection", label, kind.meaning, codes.SCT.MorphologicallyAbnormalStructure, kind, color)


SEGMENTS = (
    _anatomy("lung", LungLabel.RIGHT, "Right lung", "3341006", (70, -20, -25)),
    _anatomy("lung", LungLabel.LEFT, "Left lung", "44029006", (75, -25, -10)),
    _lobe(LobeLabel.RUL, (65, 20, -40)),
    _lobe(LobeLabel.RML, (70, 30, 20)),
    _lobe(LobeLabel.RLL, (60, -35, 20)),
    _lobe(LobeLabel.LUL, (70, -5, -35)),
    _lobe(LobeLabel.LLL, (75, -20, 40)),
    _infection(InfectionLabel.GROUND_GLASS, codes.DCM.GroundGlassOpacity, (80, 10, 70)),
    _infection(InfectionLabel.CONSOLIDATION, Code("95436008", "SCT", "Lung consolidation"), (55, 65, 45)),
    _infection(InfectionLabel.EFFUSION, codes.SCT.PleuralEffusion, (55, 20, -60)),
    _infection(InfectionLabel.INFECTED, Code("233604007", "SCT", "Pneumonia"), (60, 50, 60)),
)
