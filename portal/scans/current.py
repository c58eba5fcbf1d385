"""Which revision of a scan counts."""

from collections.abc import Iterable
from operator import attrgetter

from django.conf import settings

from portal.scans.models import Origin, Scan, Segmentation


def choose_current(revisions: Iterable[Segmentation]) -> Segmentation | None:
    """The revision that counts: a reader's before a pipeline's, the default pipeline before others, then the newest.

    Before a scan has a result of the default pipeline, which may have changed since, the pipeline that analysed it
    first counts: results of others were asked for beside it.
    """
    known = list(revisions)
    if len(known) == 1:
        return known[0]
    first = min(known, key=attrgetter("number"), default=None)
    return max(
        known,
        key=lambda revision: (
            revision.origin == Origin.READER,
            revision.pipeline == settings.INFERENCE_DEFAULT_PIPELINE,
            first is not None and revision.pipeline == first.pipeline,
            revision.number,
        ),
        default=None,
    )


def current_segmentation(scan: Scan) -> Segmentation | None:
    """The revision of one scan that counts, with its measurement; None before the first result."""
    revisions = scan.segmentations.select_related("measurement", "author", "scan__patient")
    return choose_current(sorted(revisions, key=attrgetter("number")))
