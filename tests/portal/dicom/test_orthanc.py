"""Beside an archive of others: results arrive there, priors come from there, by DICOM and by DICOMweb."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO

import highdicom as hd
import numpy as np
import pydicom
import pytest
from django.utils import timezone
from knox.models import AuthToken

from inference.io import read_mask
from portal.accounts.models import AuditAction, AuditEvent
from portal.dicom.delivery import deliver, request_delivery
from portal.dicom.models import Delivery, Peer, PriorImport, Protocol
from portal.dicom.priors import fetch_priors, find_priors, request_prior
from portal.dicom.receiver import Receiver
from portal.jobs.arrivals import complete_quiet
from portal.jobs.models import InferenceJob
from portal.jobs.outgoing import NotTaken, OutgoingState, try_again
from portal.scans.current import current_segmentation
from portal.scans.errors import NotAllowed
from portal.scans.files import mask_path
from portal.scans.models import Scan
from tests.portal.dicom.orthanc import DICOM_PORT, HERE, PASSWORD, THERE, USER, Orthanc
from tests.portal.dicom.test_receiver import wait_for
from tests.portal.results import measured_scan
from tests.samples import dicom_folder

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning"),
]
EVERYTHING = "seg, sr, sc, pdf"


@pytest.fixture
def scan(patient, clinician, tmp_path) -> Scan:
    return measured_scan(patient, clinician, tmp_path)


@pytest.fixture
def peer_by(orthanc, monkeypatch) -> Callable[[Protocol], Peer]:
    monkeypatch.setenv("LUNGTREND_PEER_ORTHANC", f"{USER}:{PASSWORD}")

    def make(protocol: Protocol, **fields) -> Peer:
        return Peer.objects.create(
            name="Orthanc",
            protocol=protocol,
            host=THERE,
            port=DICOM_PORT,
            ae_title="ORTHANC",
            url=Orthanc.web,
            secret_name="LUNGTREND_PEER_ORTHANC",
            receives=EVERYTHING,
            answers_queries=True,
            **fields,
        )

    return make


@pytest.mark.parametrize("protocol", [Protocol.DIMSE, Protocol.DICOMWEB])
def test_results_arrive_and_read_back_to_the_same_voxels(orthanc, peer_by, scan, clinician, protocol) -> None:
    revision = current_segmentation(scan)
    request_delivery(by=clinician, revision=revision, peer=peer_by(protocol))
    assert deliver() == 4
    assert set(Delivery.objects.values_list("state", flat=True)) == {OutgoingState.DONE}
    (content,) = orthanc.instances("SEG")
    seg = hd.seg.Segmentation.from_dataset(pydicom.dcmread(BytesIO(content)))
    numbers = {str(item.SegmentLabel): int(item.SegmentNumber) for item in seg.SegmentSequence}
    instances = [instance.sop_uid for instance in scan.instances.all()]
    found = seg.get_pixels_by_source_instance(
        instances, segment_numbers=[numbers["Right lung"]], assert_missing_frames_are_empty=True
    )
    truth = read_mask(mask_path(revision, "lung")).labels == 1
    assert np.array_equal(found[..., 0].astype(bool), truth)
    assert [len(orthanc.instances(modality)) for modality in ("SR", "DOC")] == [1, 1]
    assert len(orthanc.instances("OT")) > 1
    assert AuditEvent.objects.filter(action=AuditAction.DOWNLOAD, detail__via="delivery").exists()


def test_new_results_are_sent_by_themselves_once(orthanc, peer_by, scan) -> None:
    peer = peer_by(Protocol.DIMSE, is_automatic=True)
    assert deliver() == 0, "what was there before the peer stays here"
    Peer.objects.filter(pk=peer.pk).update(created_at=timezone.now() - timedelta(hours=1))
    assert deliver() == 4
    assert deliver() == 0
    assert len(orthanc.instances("SEG")) == 1


def test_what_is_not_taken_waits_with_its_reason_and_is_tried_again(peer_by, scan, clinician) -> None:
    peer = peer_by(Protocol.DIMSE)
    Peer.objects.filter(pk=peer.pk).update(port=DICOM_PORT + 1)
    request_delivery(by=clinician, revision=current_segmentation(scan), peer=peer)
    assert deliver() == 0
    delivery = Delivery.objects.first()
    assert delivery.state == OutgoingState.WAITING
    assert delivery.error == f"Orthanc does not answer at {THERE}:{DICOM_PORT + 1}."
    assert delivery.next_at > timezone.now()
    Peer.objects.filter(pk=peer.pk).update(port=DICOM_PORT)
    assert deliver() == 0
    assert try_again(Delivery.objects.all()) == 4
    assert deliver() == 4


@pytest.fixture
def study_there(orthanc, patient, tmp_path) -> str:
    """A study that Orthanc has and the portal has not, and one of another patient."""
    for mrn in (patient.mrn, "P-12"):
        for path in dicom_folder(tmp_path / mrn, mrn=mrn, name="Doe^Jane", hours=-40.0):
            orthanc.ask("POST", "/instances", data=path.read_bytes())
    return str(pydicom.dcmread(next((tmp_path / patient.mrn).iterdir())).StudyInstanceUID)


@pytest.fixture
def receiver(orthanc, clinician) -> Iterator[Receiver]:
    receiver = Receiver(clinician, ae_title="LUNGTREND", allowed=["ORTHANC"], quiet_seconds=0.5)
    receiver.start(HERE, 0)
    orthanc.ask("PUT", "/modalities/lungtrend", json=["LUNGTREND", HERE, receiver.port])
    yield receiver
    receiver.stop()


@pytest.mark.parametrize("protocol", [Protocol.DIMSE, Protocol.DICOMWEB])
def test_priors_are_found_and_fetched(receiver, peer_by, study_there, patient, clinician, protocol) -> None:
    peer = peer_by(protocol)
    (prior,) = find_priors(by=clinician, patient=patient).priors
    assert (prior.study.study_uid, prior.is_here, prior.study.image_count) == (study_there, False, 24)
    request_prior(by=clinician, patient=patient, peer=peer, study_uid=study_there)
    assert fetch_priors() == 1
    wait_for(lambda: complete_quiet(0) or Scan.objects.filter(patient=patient).exists())
    wait_for(lambda: InferenceJob.objects.count() == 1)
    assert find_priors(by=clinician, patient=patient).priors[0].is_here
    assert AuditEvent.objects.filter(patient_id=patient.pk, detail__via="priors").count() == 3


def test_priors_of_others_are_neither_shown_nor_fetched(peer_by, study_there, patient, clinician, stranger) -> None:
    peer = peer_by(Protocol.DIMSE)
    with pytest.raises(NotAllowed):
        find_priors(by=stranger, patient=patient)
    with pytest.raises(NotTaken, match="no such study of this patient"):
        request_prior(by=clinician, patient=patient, peer=peer, study_uid="1.2.3")
    assert not PriorImport.objects.exists()


def test_orthanc_searches_stores_and_retrieves_by_dicomweb(
    orthanc, address_for_orthanc, scan, clinician, patient, tmp_path
) -> None:
    _, token = AuthToken.objects.create(clinician)
    server = {"Url": f"{address_for_orthanc}/dicomweb/", "HttpHeaders": {"Authorization": f"Token {token}"}}
    orthanc.ask("PUT", "/dicom-web/servers/portal", json=server)
    question = {"Uri": "/studies", "Arguments": {"PatientID": patient.mrn}}
    (found,) = orthanc.ask("POST", "/dicom-web/servers/portal/qido", json=question).json()
    assert found["0020000D"]["Value"] == scan.study_uid
    wanted = {"Resources": [{"Study": scan.study_uid, "Series": scan.series_uid}]}
    orthanc.ask("POST", "/dicom-web/servers/portal/retrieve", json=wanted)
    assert len(orthanc.instances("CT")) == 24
    for path in dicom_folder(tmp_path / "new", mrn="P-77"):
        identifier = orthanc.ask("POST", "/instances", data=path.read_bytes()).json()["ParentStudy"]
    orthanc.ask("POST", "/dicom-web/servers/portal/stow", json={"Resources": [identifier]})
    complete_quiet(0)
    assert Scan.objects.get(patient__mrn="P-77").instances.count() == 24
