"""The data sets in the layouts people download, as cases with a patient each.

A patient who appears in two sets carries one name in both, so that no split can tear the patient apart.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from inference.errors import BadConfiguration
from inference.geometry import Geometry
from inference.labels import InfectionLabel
from inference.phantom import Acquisition, PhantomPatient
from inference.training.config import ON_SIRM, Task
from inference.training.equalised import restored_hu
from inference.volume import Volume

#: MedSeg volume -> patient; the letters are those of the Radiopaedia cases of Ma et al.
MEDSEG_PATIENTS = {"1": "I", "2": "A", "3": "A", "4": "H", "6": "D", "7": "E", "9": "G"}
MEDSEG_PIXEL_MM = 1.37
#: A kind that stands alone in its slice is ground-glass if half of it is thinner than this (docs/decisions/0021).
LONE_KIND_HU = -350
FIRST_TRAINING_PHANTOM = 101
#: Grey values of the SIRM masks, by label.
SIRM_LABELS = (0, 85, 170, 255)
#: The set's window is not stated; this one puts its healthy lung (median 68) at -850 HU.
SIRM_ZERO_HU, SIRM_STEP_HU = -1326.0, 7.0
AIR_HU = -1024
#: The COVID-19-CT-Seg stacks state no spacing: those with more slices than this are thin.
THIN_FROM_SLICES = 50
THIN_MM, THICK_MM, PIXEL_MM = 1.5, 6.0, 1.4


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One stack. `infection` is None where nobody marked it; without `knows_kinds` it says only where.

    Arrays z, y, x: HU int16, lung 0/1, infection labels uint8.
    """

    name: str
    patient: str
    hu: NDArray[np.int16]
    lung: NDArray[np.uint8]
    infection: NDArray[np.uint8] | None
    knows_kinds: bool
    is_synthetic: bool = False
    #: Slices follow one another in one person; else each is of another.
    is_stack: bool = True
    #: Edge lengths of a voxel; for sets that state none, what scans of their kind have.
    spacing_zyx_mm: tuple[float, float, float] = (5.0, 1.4, 1.4)

    @property
    def volume(self) -> Volume:
        """The CT as pipelines take it."""
        return Volume(self.hu, Geometry(self.hu.shape, self.spacing_zyx_mm))

    @property
    def marked(self) -> NDArray[np.uint8]:
        """Infection labels; nothing is marked where nobody looked."""
        return np.zeros_like(self.lung) if self.infection is None else self.infection


def real_cases(root: Path) -> Iterator[Case]:
    """MedSeg, the COVID-19-CT-Seg stacks of Ma et al., and the single lung slices, below `root`.

    Raises:
        BadConfiguration: a piece is missing; the sentence names it.
    """
    yield from _medseg(root / "medseg")
    yield from _ma20(root / "ma20")
    for part in ("train", "val"):
        yield single_slices(root, part)


def single_slices(root: Path, part: str) -> Case:
    """The `train` or `val` part of the single lung slices below `root`, each of another person.

    Raises:
        BadConfiguration: a piece is missing; the sentence names it.
    """
    hu = _read(root / "lung_slices" / f"{part}_image.nii.gz").astype(np.int16)
    lung = _read(root / "lung_slices" / f"{part}_lung.nii.gz").astype(np.uint8)
    return Case(f"lung_slices-{part}", f"slices-{part}", hu, lung, None, knows_kinds=False, is_stack=False)


def cases_of(root: Path, task: Task) -> Iterator[Case]:
    """The real cases that serve a task.

    Raises:
        BadConfiguration: a piece is missing; the sentence names it.
    """
    return sirm_cases(root / "sirm100") if task in ON_SIRM else real_cases(root)


def sirm_cases(folder: Path) -> Iterator[Case]:
    """The 100 lung-masked slices of Saood and Hatem, upright, on a scale like HU; a slice counts as a patient.

    Effusion (their C3) is kept as infection label 3. The set names no patients, and some may own several slices.

    Raises:
        BadConfiguration: the folder holds no slices, or a slice has no mask.
    """
    images = sorted((folder / "im" / "256").glob("i*.png"))
    if not images:
        raise BadConfiguration(f"{folder} lacks im/256/i001.png and others; unpack the SIRM slices there.")
    for path in images:
        number = path.stem[1:]
        grey = np.rot90(_read(path), -1)
        mask = np.rot90(_read(folder / "mask" / "multi" / "256" / f"tr_mask_z{number}.png"), -1)
        infection = np.searchsorted(SIRM_LABELS, mask).astype(np.uint8)[None]
        lung = ((grey > 0) | (mask > 0)).astype(np.uint8)[None]
        hu = np.where(grey > 0, SIRM_ZERO_HU + SIRM_STEP_HU * grey.astype(np.float32), AIR_HU).astype(np.int16)[None]
        yield Case(f"sirm-{number}", f"sirm-{number}", hu, lung, infection, knows_kinds=True, is_stack=False)


def beside_cases(root: Path, kept_back: Collection[str]) -> Iterator[Case]:
    """The real cases with infection as the SIRM slices look: nothing but lung; patients in `kept_back` are left out.

    Raises:
        BadConfiguration: a piece is missing; the sentence names it.
    """
    for case in real_cases(root):
        if case.infection is not None and case.patient not in kept_back:
            yield lung_masked(case)


def training_cases(root: Path, task: Task, phantoms: int) -> Iterator[Case]:
    """Everything that a single training (no cross-validation) of a task learns from, phantoms included.

    `kinds` and `binary` learn from the SIRM slices, the only ones that show effusion, and from all other marked cases.

    Raises:
        BadConfiguration: a piece is missing; the sentence names it.
    """
    yield from cases_of(root, task)
    if task in ON_SIRM:
        yield from (case for case in real_cases(root) if case.infection is not None)
    yield from synthetic_cases(phantoms, with_effusion=task in ON_SIRM)


def with_lone_kinds_by_density(infection: NDArray[np.uint8], hu: NDArray[np.int16]) -> NDArray[np.uint8]:
    """MedSeg's labels (z, y, x) with the kind mended that stands alone in its slice.

    There the masks say 2, consolidation, whatever it is; it is ground-glass where its median HU says so.
    """
    mended = infection.copy()
    for labels, plane in zip(mended, hu, strict=True):
        lone = labels == InfectionLabel.CONSOLIDATION
        if lone.any() and not (labels == InfectionLabel.GROUND_GLASS).any() and np.median(plane[lone]) < LONE_KIND_HU:
            labels[lone] = InfectionLabel.GROUND_GLASS
    return mended


def lung_masked(case: Case) -> Case:
    """A case whose surroundings of the lung (with infection and effusion) are air."""
    inside = case.lung > 0
    if case.infection is not None:
        inside |= case.infection > 0
    return replace(case, hu=np.where(inside, case.hu, np.int16(AIR_HU)))


def synthetic_cases(count: int, *, with_effusion: bool = False) -> Iterator[Case]:
    """Phantoms of varied size, noise and extent of infection; their seeds are used nowhere else.

    Effusion counts as background unless `with_effusion`.
    """
    rng = np.random.default_rng(5)
    for seed in range(FIRST_TRAINING_PHANTOM, FIRST_TRAINING_PHANTOM + count):
        scan = PhantomPatient(seed).scan(
            Acquisition(
                infected_ml=float(np.exp(rng.uniform(np.log(15), np.log(400)))) if seed % 6 else 0.0,
                effusion_ml=80.0 if rng.random() > 0.7 else 0.0,
                size=320,
                slices=int(rng.choice([45, 60, 90])),
                noise_hu=rng.uniform(8, 32),
                noise_seed=seed,
                inspiration=rng.uniform(0.94, 1.06),
                field_mm=rng.uniform(345, 420),
            )
        )
        labels = scan.truth.infection.labels
        shown_as = InfectionLabel.EFFUSION if with_effusion else 0
        infection = np.where(labels == InfectionLabel.EFFUSION, shown_as, labels).astype(np.uint8)
        lung = (scan.truth.lung.labels > 0).astype(np.uint8)
        shown = np.flatnonzero(lung.any(axis=(1, 2)))
        keep = np.sort(rng.choice(shown, min(36, len(shown)), replace=False))
        yield Case(
            f"phantom-{seed}",
            f"phantom-{seed}",
            scan.volume.hu[keep],
            lung[keep],
            infection[keep],
            knows_kinds=True,
            is_synthetic=True,
        )


def _medseg(folder: Path) -> Iterator[Case]:
    for number, patient in MEDSEG_PATIENTS.items():
        hu = _read(folder / "rp_im" / f"{number}.nii.gz").astype(np.int16)
        lung = _read(folder / "rp_lung_msk" / f"{number}.nii.gz").astype(np.uint8)
        infection = with_lone_kinds_by_density(_read(folder / "rp_msk" / f"{number}.nii.gz").astype(np.uint8), hu)
        thickness = sitk.ReadImage(str(folder / "rp_im" / f"{number}.nii.gz")).GetSpacing()[2]
        spacing = (float(thickness), MEDSEG_PIXEL_MM, MEDSEG_PIXEL_MM)
        yield Case(f"medseg-{number}", patient, hu, lung, infection, knows_kinds=True, spacing_zyx_mm=spacing)


def _ma20(folder: Path) -> Iterator[Case]:
    paths = sorted(folder.glob("*_image.nii.gz"))
    if not paths:
        raise BadConfiguration(f"{folder} holds no *_image.nii.gz; unpack the COVID-19-CT-Seg stacks there.")
    for path in paths:
        name = path.name.removesuffix("_image.nii.gz")
        hu = restored_hu(_read(path))
        lung = _read(folder / f"{name}_lung.nii.gz").astype(np.uint8)
        infection = _read(folder / f"{name}_infection.nii.gz").astype(np.uint8)
        # radiopaedia_A_thin and radiopaedia_D1 are patients A and D.
        patient = name.split("_")[1][0] if name.startswith("radiopaedia") else name
        spacing = (THIN_MM if len(hu) > THIN_FROM_SLICES else THICK_MM, PIXEL_MM, PIXEL_MM)
        yield Case(name, patient, hu, lung, infection, knows_kinds=False, spacing_zyx_mm=spacing)


def _read(path: Path) -> NDArray[np.generic]:
    if not path.exists():
        raise BadConfiguration(f"{path.parent} lacks {path.name}; unpack the data set there.")
    values: NDArray[np.generic] = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    return values
