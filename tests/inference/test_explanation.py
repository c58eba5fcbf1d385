"""The picture of what the infection score depends on."""

import numpy as np
import pytest

from inference.catalogue import catalogue, pipeline_named
from inference.explanation import CAPTION_HEIGHT, PANEL_EDGE, explanation
from inference.phantom import SyntheticScan
from inference.pipeline import load_segmenter


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.name)
def test_saliency_gathers_where_the_lung_is(entry, chest_scan: SyntheticScan) -> None:
    truth = chest_scan.truth
    z = int(np.count_nonzero(truth.infection.labels, axis=(1, 2)).argmax())
    saliency = load_segmenter(entry, "cpu").infection_saliency(chest_scan.volume, truth.lung, z)
    if entry.name.startswith("hu-baseline"):
        assert saliency is None
        return
    assert saliency.shape == chest_scan.volume.hu.shape[1:]
    lung = truth.lung.labels[z] > 0
    assert saliency[lung].mean() > 2 * saliency[~lung].mean()


def test_the_picture_shows_slices_of_the_infection_from_the_head(chest_scan: SyntheticScan) -> None:
    truth = chest_scan.truth
    segmenter = load_segmenter(pipeline_named("unet2d"), "cpu")
    picture = explanation(chest_scan.volume, truth.lung, truth.infection.labels, segmenter)
    assert picture is not None
    assert picture.size == (3 * PANEL_EDGE, PANEL_EDGE + CAPTION_HEIGHT)
    pixels = np.asarray(picture).astype(int)
    assert (pixels[..., 0] - pixels[..., 2] > 40).any(), "heat must be visible"


def test_without_infection_the_lung_is_shown_and_thresholds_explain_nothing(chest_scan: SyntheticScan) -> None:
    nothing = np.zeros_like(chest_scan.truth.lung.labels)
    network, thresholds = (load_segmenter(pipeline_named(name), "cpu") for name in ("unet2d", "hu-baseline"))
    assert explanation(chest_scan.volume, chest_scan.truth.lung, nothing, network) is not None
    assert explanation(chest_scan.volume, chest_scan.truth.lung, nothing, thresholds) is None
