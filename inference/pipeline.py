"""From a reading to masks and figures: the table of contents of an analysis."""

import importlib
from dataclasses import dataclass
from typing import Any

from PIL.Image import Image

from inference.catalogue import PipelineEntry
from inference.errors import NoLungs
from inference.explanation import explanation
from inference.io import Reading, to_axial
from inference.labels import InfectionLabel
from inference.preprocess.chest import Chest
from inference.preprocess.infected_lung import joined_notes, with_infected_tissue
from inference.preprocess.lungs import clean_lungs, lung_notes
from inference.progress import OnProgress, Progress, Stage, ignore_progress, part_of
from inference.quality import QualityNote
from inference.segmenters import Segmenter
from inference.volume import Mask, Volume
from inference.volumetry import Masks, measure


@dataclass(frozen=True, slots=True)
class Analysis:
    """Masks on the input's grid, and the figures without their timings."""

    masks: Masks
    measurements: dict[str, Any]
    #: Where the infection score comes from; None for a method without gradients.
    explanation: Image | None


def load_segmenter(entry: PipelineEntry, device: str) -> Segmenter:
    """The method of a pipeline, ready on `device` (auto, cpu or cuda)."""
    segmenter: Segmenter = importlib.import_module(entry.module).load(entry.name, device)
    return segmenter


def analyse(reading: Reading, entry: PipelineEntry, segmenter: Segmenter, progress: Progress) -> Analysis:
    """Segment lungs, lobes and infection of one scan, and measure them.

    Raises:
        NoLungs: there is no pair of lungs to measure.
    """
    axial = to_axial(reading.volume)
    with progress.stage(Stage.LUNGS) as on_progress:
        chest = Chest.survey(axial.volume)
        aerated = lung = _lungs(reading, axial.volume, chest, segmenter, on_progress)
    with progress.stage(Stage.LOBES):
        lobes, lobe_notes = segmenter.find_lobes(axial.volume, lung)
    with progress.stage(Stage.INFECTION) as on_progress:
        kinds = segmenter.infection_kinds(axial.volume, aerated, on_progress)
        if segmenter.joins_infection:
            lung, lobes = with_infected_tissue(aerated, lobes, kinds, axial.volume, chest)
        # Effusion lies outside the lung; everything else counts inside it alone.
        kinds[(lung.labels == 0) & (kinds != InfectionLabel.EFFUSION)] = 0
        infection = Mask(kinds, lung.geometry)
    with progress.stage(Stage.MEASURING):
        masks = Masks(*(axial.undo(mask.labels) for mask in (lung, lobes, infection)))
        figures = measure(reading.volume, masks)
        picture = explanation(axial.volume, aerated, kinds, segmenter)
    notes = (*reading.quality, *lung_notes(lung), *joined_notes(aerated, lung), *lobe_notes)
    return Analysis(masks, {**figures, **_provenance(entry, notes)}, picture)


def find_lungs(axial: Volume, chest: Chest, segmenter: Segmenter, on_progress: OnProgress = ignore_progress) -> Mask:
    """`LungLabel` of an axial volume; `chest` is its survey.

    Raises:
        NoLungs: there is no pair of lungs to measure.
    """
    probability = segmenter.lung_probability(axial, part_of(on_progress, 0.0, 0.7))
    return clean_lungs(axial, probability, chest, segmenter.closing_mm, part_of(on_progress, 0.7, 1.0))


def _lungs(reading: Reading, axial: Volume, chest: Chest, segmenter: Segmenter, on_progress: OnProgress) -> Mask:
    try:
        return find_lungs(axial, chest, segmenter, on_progress)
    except NoLungs as refusal:
        # What was odd about the series may be why.
        noted = " ".join(note.text for note in reading.quality)
        raise NoLungs(f"{refusal.sentence} {noted}".strip()) from refusal


def _provenance(entry: PipelineEntry, notes: tuple[QualityNote, ...]) -> dict[str, Any]:
    return {
        "measurement_floor_ml": entry.floor_ml,
        "pipeline": {"name": entry.name, "version": entry.version, "sha256": entry.sha256},
        "quality": [note.as_dict() for note in notes],
    }
