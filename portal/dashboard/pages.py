"""The other pages: worklist, upload, hold decisions, help, models, audit trail."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from portal.accounts.audit import record, record_view
from portal.accounts.models import AuditAction, AuditEvent
from portal.accounts.requests import UserRequest
from portal.dashboard.standing import FILTER_NAMES, Filter, worklist_page
from portal.dashboard.worklist import worklist_rows
from portal.jobs.catalogue import OVERVIEW, pipeline_cards
from portal.jobs.intake import decide_upload
from portal.patients.access import visible_patients
from portal.patients.models import Sex
from portal.scans.access import may_decide, visible_uploads
from portal.scans.claims import PatientClaim
from portal.scans.errors import IntakeError
from portal.scans.models import UploadState

ROWS_PER_PAGE, TILES_PER_PAGE = 50, 60


@login_required
@require_GET
def worklist(request: UserRequest) -> HttpResponse:
    """Patients in the order in which they should be read."""
    search = request.GET.get("search", "")
    if search:
        record(AuditAction.SEARCH, by=request.user, request=request, search=search)
    team, wanted = request.GET.get("team", ""), request.GET.get("show", "")
    chosen = Filter(wanted) if wanted in set(Filter) else Filter.ALL
    standing = worklist_page(
        request.user, part=chosen, search=search, team=team, number=request.GET.get("page"), size=ROWS_PER_PAGE
    )
    filters = [(value, name, standing.counts[value], value == chosen) for value, name in FILTER_NAMES.items()]
    held = visible_uploads(request.user).filter(state=UploadState.HELD)
    context = {
        "page": standing.page,
        "rows": worklist_rows(standing.is_unread),
        "search": search,
        "held": held,
        "filters": filters,
        "show": chosen,
        "team": team,
        "teams": request.user.care_teams.all(),
    }
    return render(request, "dashboard/worklist.html", context)


@login_required
@require_GET
def ward(request: UserRequest) -> HttpResponse:
    """A care team's patients as tiles, those to read first on top, for a look from across the room."""
    teams = list(request.user.care_teams.order_by("name"))
    asked = request.GET.get("team", "")
    team = next((one for one in teams if str(one.pk) == asked), teams[0] if teams else None)
    standing = worklist_page(
        request.user, team=str(team.pk) if team else "", number=request.GET.get("page"), size=TILES_PER_PAGE
    )
    context = {
        "team": team,
        "teams": teams,
        "page": standing.page,
        "rows": worklist_rows(standing.is_unread),
        "counts": {name: standing.counts[part] for part, name in FILTER_NAMES.items()},
    }
    return render(request, "dashboard/ward.html", context)


@login_required
@require_GET
def upload(request: UserRequest) -> HttpResponse:
    """Send scans; `?patient=` fills in who they belong to."""
    key = request.GET.get("patient", "")
    patient = visible_patients(request.user).filter(pk=key).first() if _is_key(key) else None
    return render(request, "dashboard/upload.html", {"patient": patient, "sexes": Sex.choices})


def _is_key(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


@login_required
@require_http_methods(["GET", "POST"])
def upload_detail(request: UserRequest, pk: UUID) -> HttpResponse:
    """What became of an upload; a held one is decided here."""
    sent = get_object_or_404(visible_uploads(request.user).select_related("by", "decided_by"), pk=pk)
    if request.method == "POST":
        decision = request.POST.get("decision", "")
        if decision not in {"claimed", "files", "refuse"}:
            messages.error(request, _("Choose one of the decisions."))
            return redirect("upload_detail", pk=sent.pk)
        try:
            decide_upload(by=request.user, upload=sent, decision=decision)  # type: ignore[arg-type]
        except IntakeError as refusal:
            messages.error(request, str(refusal))
        else:
            record(AuditAction.CHANGE, by=request.user, subject=sent, request=request, decision=decision)
            messages.success(request, _("The decision is stored."))
        return redirect("upload_detail", pk=sent.pk)
    record_view(request, sent)
    context = {
        "upload": sent,
        "claimed": PatientClaim.from_json(sent.claimed_patient),
        "may_decide": may_decide(request.user) and sent.state == UploadState.HELD,
    }
    return render(request, "dashboard/upload_detail.html", context)


@login_required
@require_GET
def help_page(request: UserRequest) -> HttpResponse:
    """Definitions of every figure, and the keys."""
    return render(request, "dashboard/help.html")


@login_required
@require_GET
def models(request: UserRequest) -> HttpResponse:
    """Pipelines with their cards."""
    return render(request, "dashboard/models.html", {"cards": pipeline_cards(), "figures": OVERVIEW})


@login_required
@require_GET
def audit(request: UserRequest) -> HttpResponse:
    """The audit trail, for administrators."""
    if not request.user.is_administrator:
        raise PermissionDenied
    events = AuditEvent.objects.select_related("actor")
    person, action, patient = (request.GET.get(name, "").strip() for name in ("person", "action", "patient"))
    if person:
        events = events.filter(Q(actor_name__icontains=person))
    if action in AuditAction.values:
        events = events.filter(action=action)
    if _is_key(patient):
        events = events.filter(patient_id=patient)
    record(AuditAction.VIEW, by=request.user, request=request, what="audit trail")
    page = Paginator(events, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    query = {"person": person, "action": action, "patient": patient}
    return render(request, "dashboard/audit.html", {"page": page, "query": query, "actions": AuditAction.choices})
