"""The viewer's page: one scan, its masks and its figures."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from portal.accounts.audit import record_view
from portal.accounts.requests import UserRequest
from portal.jobs.payload import job_payload
from portal.jobs.services import pipelines
from portal.scans.access import visible_scans
from portal.scans.current import current_segmentation
from portal.scans.files import explanation_path, has_volume
from portal.scans.models import Scan, Segmentation
from portal.scans.selectors import timeline_of
from portal.scans.wording import LOBE_NAMES

#: Pictures beside the axial one, and the sides at which letters of orientation stand.
PLANES = (("coronal", gettext_lazy("Coronal plane")), ("sagittal", gettext_lazy("Sagittal plane")))
SIDES = ("left", "right", "top", "bottom")


@login_required
@require_GET
def scan_page(request: UserRequest, pk: UUID) -> HttpResponse:
    """Every slice with its masks, and the figures beside it."""
    scan = get_object_or_404(visible_scans(request.user).select_related("patient"), pk=pk)
    record_view(request, scan, patient=scan.patient)
    revision = _asked_revision(request, scan, "revision") or current_segmentation(scan)
    figures = revision.measurement.details if revision else None
    timeline = timeline_of(scan.patient)
    changes = [change for change in timeline.assessment.changes if change.after.scan == str(scan.pk)]
    dated = [point.scan for point in timeline.points]
    place = next((i for i, other in enumerate(dated) if other.pk == scan.pk), None)
    earlier = dated[:place] if place else []
    compared = _asked_prior(request, earlier)
    beside = None if compared or not has_volume(scan) else _asked_revision(request, scan, "beside")
    if compared is not None:
        record_view(request, compared, patient=scan.patient)
    return render(
        request,
        "dashboard/viewer.html",
        {
            "scan": scan,
            "patient": scan.patient,
            "revision": revision,
            "revisions": scan.segmentations.order_by("-number"),
            "figures": figures,
            "lobes": [(LOBE_NAMES[name], values) for name, values in figures["lobes"].items()] if figures else [],
            "notes": revision.measurement.notes if revision else scan.quality,
            "has_explanation": revision is not None and explanation_path(revision) is not None,
            "pipelines": pipelines(),
            "changes": changes,
            "prior": dated[place - 1] if place else None,
            "following": dated[place + 1] if place is not None and place + 1 < len(dated) else None,
            "earlier": [(other, _hours_between(other, scan)) for other in reversed(earlier)],
            "compared": compared,
            "beside": beside,
            "both": _both(revision, beside),
            "planes": PLANES,
            "sides": SIDES,
            "data": _viewer_data(scan, revision, figures)
            | {
                "compare": _compare_data(scan, compared),
                "beside": {"masks": _mask_urls(scan, beside)} if beside else None,
                "edit": None if compared or beside else _edit_data(request, scan, revision),
            },
        },
    )


if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


def _asked_revision(request: UserRequest, scan: Scan, name: str) -> Segmentation | None:
    number = request.GET.get(name, "")
    found = scan.segmentations.filter(number=int(number)) if number.isdigit() else scan.segmentations.none()
    return found.select_related("measurement").first()


#: Figures of two revisions side by side: name, and where `measurements.json` has them.
BOTH: tuple[tuple["_StrPromise", tuple[str, ...]], ...] = (
    (gettext_lazy("Infected, ml"), ("infected_ml",)),
    (gettext_lazy("Ground-glass, ml"), ("composition", "ground_glass_ml")),
    (gettext_lazy("Consolidation, ml"), ("composition", "consolidation_ml")),
    (gettext_lazy("Effusion, ml"), ("composition", "effusion_ml")),
    (gettext_lazy("Lung, ml"), ("lung_ml",)),
    (gettext_lazy("PoIR, %"), ("poi_percent",)),
    (gettext_lazy("Score of 25"), ("severity_score",)),
)


def _both(revision: Segmentation | None, beside: Segmentation | None) -> list[tuple[str, float, float, float]]:
    """Name, value of each revision and the difference."""
    if revision is None or beside is None:
        return []
    rows = []
    for name, path in BOTH:
        one, other = (_value(made.measurement.details, path) for made in (revision, beside))
        rows.append((str(name), one, other, other - one))
    return rows


def _value(figures: Any, path: tuple[str, ...]) -> float:
    for key in path:
        figures = figures[key]
    return float(figures)


def _hours_between(earlier: Scan, later: Scan) -> float | None:
    if earlier.acquired_at is None or later.acquired_at is None:
        return None
    return (later.acquired_at - earlier.acquired_at).total_seconds() / 3600


def _asked_prior(request: UserRequest, earlier: list[Scan]) -> Scan | None:
    """The earlier scan that `?prior=` names, if its slices can be shown."""
    asked = request.GET.get("prior", "")
    return next((scan for scan in earlier if str(scan.pk) == asked and has_volume(scan)), None)


def _compare_data(scan: Scan, prior: Scan | None) -> dict[str, Any] | None:
    """What the script needs to show a prior beside the scan; read by `CompareData` in frontend/src/viewer."""
    if prior is None:
        return None
    keys = {"pk": scan.pk, "prior_pk": prior.pk}
    return {
        "scan": str(prior.pk),
        "grid": prior.geometry,
        "framesUrl": reverse("scan_frame", args=[prior.pk, 0]).removesuffix("0/"),
        "masks": _mask_urls(prior, current_segmentation(prior)),
        "registrationUrl": reverse("scan_registration", kwargs=keys),
        "growthMapUrl": reverse("scan_growth_map", kwargs=keys),
    }


def _edit_data(request: UserRequest, scan: Scan, revision: Segmentation | None) -> dict[str, Any] | None:
    """What the script needs to correct masks; None for those who may not, and on an old revision."""
    if revision is None or not request.user.is_radiologist:
        return None
    if revision != current_segmentation(scan):
        return None
    lung = f"{reverse('scan_mask', args=[scan.pk, 'lung'])}?revision={revision.number}"
    return {"revision": revision.number, "url": reverse("scan_revisions", args=[scan.pk]), "lungUrl": lung}


def _mask_urls(scan: Scan, revision: Segmentation | None) -> dict[str, str] | None:
    if revision is None:
        return None
    return {
        kind: f"{reverse('scan_mask', args=[scan.pk, kind])}?revision={revision.number}"
        for kind in ("lobes", "infection")
    }


def _viewer_data(scan: Scan, revision: Segmentation | None, figures: dict[str, Any] | None) -> dict[str, Any]:
    """What the page's script needs; read by `ViewerData` in frontend/src/viewer."""
    job = scan.jobs.filter(prior=None).select_related("scan").order_by("-created_at").first()
    frame_zero = reverse("scan_frame", args=[scan.pk, 0])
    return {
        "scan": str(scan.pk),
        "grid": scan.geometry,
        "framesUrl": frame_zero.removesuffix("0/"),
        "hasVolume": has_volume(scan),
        "masks": _mask_urls(scan, revision),
        "infectedBySliceMl": figures["infected_by_slice_ml"] if figures else [],
        "job": job_payload(job) if job else None,
    }
