"""Data sets in the layouts people download, and what a portal exports, as training cases.

A configuration names them under `extra`, each as LAYOUT:FOLDER. A folder that lacks a piece is refused with a sentence
that names the piece. Where a set brings no lung masks, the default pipeline finds the lungs.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from inference.catalogue import DEFAULT_PIPELINE, pipeline_named
from inference.errors import BadConfiguration, NoLungs
from inference.geometry import Geometry
from inference.labels import InfectionLabel
from inference.pipeline import find_lungs, load_segmenter
from inference.preprocess.chest import Chest
from inference.training.config import TrainingConfig
from inference.training.datasets import Case, real_cases, sirm_cases, training_cases, with_lone_kinds_by_density
from inference.training.effusions import effusion_cases
from inference.volume import Volume

#: Label of infection in the joint masks of Ma et al.; 1 and 2 are the lungs.
MA_INFECTION = 3
#: The Radiopaedia cases of Ma et al. are grey values over this window (Müller et al.).
MA_GREY_WINDOW_HU = (-1250.0, 250.0)
#: What `manage.py export_training_cases` writes beside its cases.
MANIFEST = "cases.json"
Scan = tuple[NDArray[np.int16], tuple[float, float, float]]


def configured_cases(config: TrainingConfig) -> Iterator[Case]:
    """All cases of a configuration: the sets below `datasets` (none when it is empty), phantoms, and `extra`.

    Raises:
        BadConfiguration: a piece is missing; the sentence names it.
    """
    if config.datasets and config.task == "effusion":
        yield from effusion_cases(Path(config.datasets), config.phantoms)
    elif config.datasets:
        yield from training_cases(Path(config.datasets), config.task, config.phantoms)
    yield from extra_cases(config.extra)


def marked_cases(config: TrainingConfig) -> list[Case]:
    """The real cases of a configuration whose infection is marked, `extra` included.

    Raises:
        BadConfiguration: a piece is missing; the sentence names it.
    """
    own = real_cases(Path(config.datasets)) if config.datasets else iter(())
    return [case for case in (*own, *extra_cases(config.extra)) if case.infection is not None]


def split(config: TrainingConfig, cases: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """Cases to train and to validate on; those of the test patients are in neither.

    Raises:
        BadConfiguration: nothing is left for one of them.
    """
    training = [case for case in cases if case.patient not in {*config.test, *config.validation}]
    validation = [case for case in cases if case.patient in config.validation]
    if not training or not validation:
        raise BadConfiguration("The split leaves no case to train or to validate on; check test and validation.")
    return training, validation


def extra_cases(entries: Sequence[str]) -> Iterator[Case]:
    """Cases of LAYOUT:FOLDER entries.

    Raises:
        BadConfiguration: an unknown layout, no such folder, or a missing piece.
    """
    for entry in entries:
        layout, _, folder = str(entry).partition(":")
        if layout not in LAYOUTS or not folder:
            raise BadConfiguration(
                f"extra: {entry} is no data set; write LAYOUT:FOLDER with one of {', '.join(LAYOUTS)}."
            )
        if not Path(folder).is_dir():
            raise BadConfiguration(f"extra: the folder {folder} does not exist; unpack the data set there.")
        yield from LAYOUTS[layout](Path(folder))


def ma2020_cases(root: Path) -> Iterator[Case]:
    """COVID-19-CT-Seg as on Zenodo 3757476: COVID-19-CT-Seg_20cases, Lung_Mask, Infection_Mask (or both in one)."""
    for image in _images(root / "COVID-19-CT-Seg_20cases", "*.nii.gz"):
        hu, spacing = _ct(image)
        if image.name.startswith("radiopaedia") and hu.min() >= 0 and hu.max() <= 255:
            low, high = MA_GREY_WINDOW_HU
            hu = (low + hu * ((high - low) / 255)).astype(np.int16)
        joint = root / "Lung_and_Infection_Mask" / image.name
        if joint.exists():
            labels = _labels(joint, hu.shape)
            lung, infection = labels > 0, labels == MA_INFECTION
        else:
            lung = _labels(_needed(root / "Lung_Mask" / image.name), hu.shape) > 0
            infection = _labels(_needed(root / "Infection_Mask" / image.name), hu.shape) > 0
        name = _stem(image)
        # coronacases_001 is coronacases_01 of other copies of the set; radiopaedia_4_85506_1 is one patient's scan.
        kind, number = name.split("_")[:2]
        patient = f"coronacases_{int(number):02}" if kind == "coronacases" else f"{kind}_{number}"
        yield _case(name, patient, hu, lung, infection, spacing, knows_kinds=False)


def medseg_cases(root: Path) -> Iterator[Case]:
    """MedSeg's Radiopaedia volumes: rp_im and rp_msk, with rp_lung_msk where it is there; a volume is a patient."""
    for image in _images(root / "rp_im", "*.nii.gz"):
        hu, spacing = _ct(image)
        lung_path = root / "rp_lung_msk" / image.name
        infection = with_lone_kinds_by_density(_labels(_needed(root / "rp_msk" / image.name), hu.shape), hu)
        lung = _labels(lung_path, hu.shape) > 0 if lung_path.exists() else _found_lungs(image.name, hu, spacing)
        name = f"medseg_{_stem(image)}"
        yield _case(name, name, hu, lung, infection, spacing, knows_kinds=True)


def mosmed_cases(root: Path) -> Iterator[Case]:
    """MosMedData: studies/CT-1/study_NNNN.nii.gz and masks/study_NNNN_mask.nii.gz; studies without a mask are left."""
    masks = _images(root / "masks", "study_*_mask.nii.gz")
    studies = {_stem(path): path for path in (root / "studies").rglob("study_*.nii.gz")}
    for mask in masks:
        name = _stem(mask).removesuffix("_mask")
        if name not in studies:
            raise BadConfiguration(f"{root / 'studies'} lacks {name}.nii.gz, which masks/{mask.name} belongs to.")
        hu, spacing = _ct(studies[name])
        yield _with_found_lungs(f"mosmed_{name}", hu, spacing, _labels(mask, hu.shape) > 0)


def covid_19_20_cases(root: Path) -> Iterator[Case]:
    """COVID-19-20 (MICCAI challenge): volume-covid19-A-NNNN_ct.nii.gz beside ..._seg.nii.gz, in Train or here."""
    folder = root / "Train" if (root / "Train").is_dir() else root
    for image in _images(folder, "volume-covid19-*_ct.nii.gz"):
        hu, spacing = _ct(image)
        mask = _needed(image.with_name(image.name.replace("_ct.nii.gz", "_seg.nii.gz")))
        yield _with_found_lungs(_stem(image).removesuffix("_ct"), hu, spacing, _labels(mask, hu.shape) > 0)


def portal_cases(root: Path) -> Iterator[Case]:
    """Corrected revisions as `manage.py export_training_cases` writes them; patients carry pseudonyms."""
    manifest = _needed(root / MANIFEST)
    try:
        rows = [(str(row["case"]), str(row["patient"])) for row in json.loads(manifest.read_text())["cases"]]
    except (ValueError, KeyError, TypeError) as damage:
        raise BadConfiguration(f"{manifest} is damaged; export the cases again.") from damage
    for name, patient in rows:
        folder = root / name
        hu, spacing = _ct(_needed(folder / "image.nii.gz"))
        lung = _labels(_needed(folder / "lung.nii.gz"), hu.shape) > 0
        infection = _labels(_needed(folder / "infection.nii.gz"), hu.shape)
        is_unknown = infection == InfectionLabel.INFECTED
        # Where no kind is known, a label only says that there is infection.
        infection[is_unknown] = InfectionLabel.GROUND_GLASS
        yield _case(name, patient, hu, lung, infection, spacing, knows_kinds=not is_unknown.any())


LAYOUTS: dict[str, Callable[[Path], Iterator[Case]]] = {
    "ma2020": ma2020_cases,
    "medseg": medseg_cases,
    "sirm": sirm_cases,
    "mosmed": mosmed_cases,
    "covid-19-20": covid_19_20_cases,
    "portal": portal_cases,
}


def _case(
    name: str,
    patient: str,
    hu: NDArray[np.int16],
    lung: NDArray[np.bool_],
    infection: NDArray[np.uint8] | NDArray[np.bool_],
    spacing: tuple[float, float, float],
    knows_kinds: bool,
) -> Case:
    # Effusion lies outside the lung; networks of ground-glass and consolidation take it for background.
    labels = np.where(infection == InfectionLabel.EFFUSION, 0, infection).astype(np.uint8)
    return Case(name, patient, hu, lung.astype(np.uint8), labels, knows_kinds, spacing_zyx_mm=spacing)


def _with_found_lungs(
    name: str, hu: NDArray[np.int16], spacing: tuple[float, float, float], infected: NDArray[np.bool_]
) -> Case:
    return _case(name, name, hu, _found_lungs(name, hu, spacing) | infected, infected, spacing, knows_kinds=False)


def _found_lungs(name: str, hu: NDArray[np.int16], spacing: tuple[float, float, float]) -> NDArray[np.bool_]:
    segmenter = load_segmenter(pipeline_named(DEFAULT_PIPELINE), "auto")
    try:
        volume = Volume(hu, Geometry(hu.shape, spacing))
        lung = find_lungs(volume, Chest.survey(volume), segmenter)
    except NoLungs as refusal:
        raise BadConfiguration(f"{name} has no lung mask, and none could be found: {refusal.sentence}") from refusal
    found: NDArray[np.bool_] = lung.labels > 0
    return found


def _images(folder: Path, pattern: str) -> list[Path]:
    found = sorted(folder.glob(pattern))
    if not found:
        raise BadConfiguration(f"{folder} holds no {pattern}; unpack the data set there.")
    return found


def _needed(path: Path) -> Path:
    if not path.exists():
        raise BadConfiguration(f"{path.parent} lacks {path.name}; unpack the data set there.")
    return path


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii")


def _upright(path: Path) -> sitk.Image:
    """The image with slices from feet to head, patient's right on the image's left."""
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as damage:
        raise BadConfiguration(f"{path} cannot be read as NIfTI; download it again.") from damage
    if image.GetDimension() != 3:
        raise BadConfiguration(f"{path} is no volume of three dimensions.")
    return sitk.DICOMOrient(image, "LPS")


def _ct(path: Path) -> Scan:
    image = _upright(path)
    x_mm, y_mm, z_mm = image.GetSpacing()
    return np.rint(sitk.GetArrayFromImage(image)).astype(np.int16), (z_mm, y_mm, x_mm)


def _labels(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    labels = np.rint(sitk.GetArrayFromImage(_upright(path))).astype(np.uint8)
    if labels.shape != shape:
        raise BadConfiguration(f"{path} has not the shape of its CT; download both again.")
    return labels
