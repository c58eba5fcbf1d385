"""Earlier scans of a patient, found in other archives and fetched, so that the timeline has its past."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from django.utils.translation import gettext as _
from pydicom.dataset import Dataset

from portal.accounts.audit import record
from portal.accounts.models import AuditAction, User
from portal.dicom.models import Peer, PriorImport
from portal.dicom.peers import FoundStudy, line_to
from portal.jobs.arrivals import receive_image
from portal.jobs.outgoing import NotTaken, OutgoingState, bring
from portal.patients.access import visible_patients
from portal.patients.models import Patient
from portal.scans.errors import NotAllowed
from portal.scans.models import Scan
from portal.scans.storage import scratch


@dataclass(frozen=True, slots=True)
class Prior:
    """A study that a peer has, and whether the portal has it too or is fetching it."""

    peer: Peer
    study: FoundStudy
    is_here: bool
    on_its_way: PriorImport | None


@dataclass(frozen=True, slots=True)
class PriorSearch:
    """What was found, the latest study first, and sentences of peers that could not be asked."""

    priors: tuple[Prior, ...]
    troubles: tuple[str, ...]


def find_priors(*, by: User, patient: Patient) -> PriorSearch:
    """Ask every peer that answers queries for CT studies of a patient.

    Raises:
        NotAllowed: the patient is in the care of another team.
    """
    _refuse_strangers(by, patient)
    peers = Peer.objects.filter(is_active=True, answers_queries=True)
    record(AuditAction.SEARCH, by=by, subject=patient, patient=patient, via="priors", peers=[p.name for p in peers])
    here = set(Scan.objects.filter(patient=patient).values_list("study_uid", flat=True))
    fetching = {one.study_uid: one for one in PriorImport.objects.filter(patient=patient)}
    priors, troubles = [], []
    for peer in peers:
        try:
            found = line_to(peer).studies_of(patient.mrn)
        except NotTaken as trouble:
            troubles.append(str(trouble))
            continue
        # Some archives match record numbers loosely; another patient's study must not even be shown.
        own = [study for study in found if study.mrn == patient.mrn]
        priors += [Prior(peer, s, s.study_uid in here, fetching.get(s.study_uid)) for s in own]
    latest_first = sorted(priors, key=lambda prior: (prior.study.date, prior.study.time), reverse=True)
    return PriorSearch(tuple(latest_first), tuple(troubles))


def request_prior(*, by: User, patient: Patient, peer: Peer, study_uid: str) -> PriorImport:
    """Queue the fetching of a study; the one that waits already, if there is one.

    Raises:
        NotAllowed: the patient is in the care of another team.
        NotTaken: the peer has no such study of this patient, or does not answer.
    """
    _refuse_strangers(by, patient)
    if not any(s.study_uid == study_uid and s.mrn == patient.mrn for s in line_to(peer).studies_of(patient.mrn)):
        raise NotTaken(f"{peer} has no such study of this patient.")
    wanted, is_new = PriorImport.objects.get_or_create(
        peer=peer,
        study_uid=study_uid,
        state=OutgoingState.WAITING,
        defaults={"patient": patient, "requested_by": by},
    )
    if is_new:
        record(AuditAction.CREATE, by=by, subject=wanted, patient=patient, via="priors", peer=peer.name)
    return wanted


def _refuse_strangers(by: User, patient: Patient) -> None:
    if not visible_patients(by).filter(pk=patient.pk).exists():
        raise NotAllowed(_("This patient is in the care of another team."))


def fetch_priors() -> int:
    """A worker's chore: fetch what is due; how many studies came."""
    waiting = PriorImport.objects.filter(peer__is_active=True)
    return bring(waiting.select_related("peer", "patient", "requested_by"), _fetch)


def _fetch(wanted: PriorImport) -> None:
    for dataset in line_to(wanted.peer).fetch(wanted.study_uid):
        if str(dataset.get("PatientID", "")) != wanted.patient.mrn:
            raise NotTaken(f"{wanted.peer} sent an image of another patient; nothing more is fetched.")
        _keep(wanted, dataset)


def _keep(wanted: PriorImport, dataset: Dataset) -> None:
    with NamedTemporaryFile(dir=scratch("incoming"), suffix=".dcm") as file:
        dataset.save_as(file.name, enforce_file_format=True)
        origin = f"WADO-RS {wanted.peer.name} {wanted.study_uid}"
        name = f"{dataset.SOPInstanceUID}.dcm"
        receive_image(by=wanted.requested_by, origin=origin, name=name, content=Path(file.name))
