"""Everything that can be wrong with an input, each as one sentence fit for a clinician.

The sentence says what is wrong and what to do. `files` names the offenders, where files are to blame, so
that a caller can answer file by file.
"""

from collections.abc import Sequence


class InferenceError(Exception):
    """Base of every refusal. `str(error)` is the sentence; `code` is stable and fit for programs."""

    code = "inference-error"

    def __init__(self, sentence: str, *, files: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.files = tuple(files)


class GeometryError(InferenceError):
    """A voxel grid that cannot exist or cannot be measured."""

    code = "geometry"


class UnreadableFile(InferenceError):
    """A file that is damaged, truncated, encrypted or of no known kind."""

    code = "unreadable"


class UnsafeArchive(InferenceError):
    """A zip that is encrypted, expands beyond reason, or points outside its folder."""

    code = "unsafe-archive"


class NotComputedTomography(InferenceError):
    """An image that is not axial CT: scout, other modality, photograph, report."""

    code = "not-ct"


class NotHounsfield(InferenceError):
    """Pixel values that are not in Hounsfield units."""

    code = "not-hu"


class NotAVolume(InferenceError):
    """Images that do not form one stack: too few, or not parallel."""

    code = "not-a-volume"


class MixedOrientation(NotAVolume):
    """Slices of one series that face different ways."""

    code = "mixed-orientation"


class BadMask(InferenceError):
    """A mask that does not belong to its scan, or says what no mask can say."""

    code = "bad-mask"


class SliceGap(GeometryError):
    """Missing slices, too many to measure across."""

    code = "slice-gap"


class GantryTilt(GeometryError):
    """Slices sheared against their stacking direction."""

    code = "gantry-tilt"


class NoLungs(InferenceError):
    """No pair of lungs in the scan: another body region, or a failed acquisition."""

    code = "no-lungs"


class UnknownPipeline(InferenceError):
    """A pipeline name that this installation does not have."""

    code = "unknown-pipeline"


class MissingWeights(InferenceError):
    """Weights that are absent or do not match the checksum of their model card."""

    code = "missing-weights"


class BadConfiguration(InferenceError):
    """A training or evaluation configuration, or a data set folder, that lacks a named piece."""

    code = "bad-configuration"
