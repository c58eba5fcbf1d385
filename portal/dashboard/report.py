"""The page of a report: its text to copy, and the signature."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal.accounts.audit import record, record_view
from portal.accounts.models import AuditAction
from portal.accounts.requests import UserRequest
from portal.scans.access import visible_scans
from portal.scans.current import current_segmentation
from portal.scans.errors import IntakeError
from portal.scans.signing import report_text, sign_report, signature_lines


@login_required
@require_http_methods(["GET", "POST"])
def report_page(request: UserRequest, pk: UUID) -> HttpResponse:
    """The report of the revision that counts."""
    scan = get_object_or_404(visible_scans(request.user).select_related("patient"), pk=pk)
    revision = current_segmentation(scan)
    if revision is None:
        raise Http404(_("This scan has no result yet."))
    if request.method == "POST":
        try:
            signature = sign_report(by=request.user, revision=revision, text=request.POST.get("text", ""))
        except IntakeError as refusal:
            messages.error(request, str(refusal))
        else:
            record(AuditAction.CREATE, by=request.user, subject=signature, patient=scan.patient, request=request)
            messages.success(request, _("The report is signed."))
        return redirect("report_page", pk=scan.pk)
    record_view(request, scan, patient=scan.patient)
    text = report_text(revision)
    return render(
        request,
        "dashboard/report.html",
        {
            "scan": scan,
            "revision": revision,
            "text": text,
            "rows": len(text.splitlines()) + 4,
            "signatures": signature_lines(revision),
        },
    )
