"""Pages: sending a result to other systems, and fetching a patient's earlier scans from them."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal.accounts.audit import record_view
from portal.accounts.requests import UserRequest
from portal.dicom.delivery import request_delivery
from portal.dicom.models import Delivery, Peer, PriorImport
from portal.dicom.priors import find_priors, request_prior
from portal.jobs.outgoing import NotTaken, try_again
from portal.patients.access import visible_patients
from portal.scans.access import visible_scans
from portal.scans.current import current_segmentation
from portal.scans.models import ScanKind


@login_required
@require_http_methods(["GET", "POST"])
def deliveries(request: UserRequest, pk: UUID) -> HttpResponse:
    """Where the results of a scan went, and a way to send the current one."""
    scan = get_object_or_404(visible_scans(request.user).select_related("patient"), pk=pk)
    revision = current_segmentation(scan)
    sent = Delivery.objects.filter(revision__scan=scan)
    peers = Peer.objects.filter(is_active=True).exclude(receives="")
    if request.method == "POST":
        if "again" in request.POST:
            try_again(sent)
            messages.success(request, _("What has not arrived is sent again within seconds."))
        elif revision is None or scan.kind != ScanKind.DICOM:
            messages.error(request, _("There is no result of this scan that could be sent as DICOM."))
        else:
            peer = get_object_or_404(peers, pk=request.POST.get("peer", "0"))
            request_delivery(by=request.user, revision=revision, peer=peer)
            messages.success(request, _("The results are on their way to %(peer)s.") % {"peer": peer})
        return redirect("deliveries", pk=scan.pk)
    record_view(request, scan, patient=scan.patient)
    return render(
        request,
        "dicom/deliveries.html",
        {
            "scan": scan,
            "revision": revision,
            "peers": peers,
            "deliveries": sent.select_related("peer", "revision", "requested_by"),
            "can_send": revision is not None and scan.kind == ScanKind.DICOM,
        },
    )


@login_required
@require_http_methods(["GET", "POST"])
def priors(request: UserRequest, pk: UUID) -> HttpResponse:
    """Earlier CT of a patient in other archives."""
    patient = get_object_or_404(visible_patients(request.user), pk=pk)
    if request.method == "POST":
        peer = get_object_or_404(Peer, pk=request.POST.get("peer", "0"), is_active=True, answers_queries=True)
        try:
            request_prior(by=request.user, patient=patient, peer=peer, study_uid=request.POST.get("study", ""))
        except NotTaken as trouble:
            messages.error(request, str(trouble))
        else:
            messages.success(
                request,
                _("The study is being fetched from %(peer)s. It appears on the timeline by itself.") % {"peer": peer},
            )
        return redirect("priors", pk=patient.pk)
    return render(
        request,
        "dicom/priors.html",
        {
            "patient": patient,
            "has_peers": Peer.objects.filter(is_active=True, answers_queries=True).exists(),
            "search": find_priors(by=request.user, patient=patient),
            "imports": PriorImport.objects.filter(patient=patient).select_related("peer", "requested_by"),
        },
    )
