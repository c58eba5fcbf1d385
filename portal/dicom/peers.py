"""Speaking to other systems: sending objects, asking for studies, fetching them; by DICOM or by DICOMweb."""

import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import requests
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session_from_user_pass
from django.conf import settings
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context
from pynetdicom.association import Association

from portal.dicom.models import Peer
from portal.dicom.models import Protocol as PeerProtocol
from portal.jobs.outgoing import NotTaken, secret_of

#: SOP classes (PS3.4 C.6.2).
STUDY_ROOT_FIND, STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.2"
#: DIMSE status classes (PS3.7 C): done, going on, and done with a remark.
SUCCESS, PENDING, WARNINGS = 0x0000, (0xFF00, 0xFF01), range(0xB000, 0xC000)
CONNECT_SECONDS, ANSWER_SECONDS = 10, 120
#: Fetching a study takes as long as it takes to send it.
MOVE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class FoundStudy:
    """A study that a peer has. `date` is YYYYMMDD."""

    study_uid: str
    date: str
    time: str
    description: str
    mrn: str
    image_count: int | None


class Line(Protocol):
    """A way to speak to one peer. All of it raises `NotTaken`, with one sentence."""

    def send(self, datasets: Sequence[Dataset]) -> None:
        """Store all of the objects there."""
        ...

    def studies_of(self, mrn: str) -> list[FoundStudy]:
        """The patient's studies with CT."""
        ...

    def fetch(self, study_uid: str) -> Iterator[Dataset]:
        """The CT images of a study, where they come by the same line; those that come to our receiver are not given."""
        ...


def line_to(peer: Peer) -> Line:
    """How to speak to this peer."""
    return DimseLine(peer) if peer.protocol == PeerProtocol.DIMSE else DicomWebLine(peer)


class DimseLine:
    """DICOM over TCP or TLS."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def send(self, datasets: Sequence[Dataset]) -> None:
        """C-STORE of all, in one association."""
        classes = sorted({str(dataset.SOPClassUID) for dataset in datasets})
        with _Associated(self._peer, classes) as association:
            for dataset in datasets:
                try:
                    status = association.send_c_store(dataset)
                except ValueError as lack:
                    raise NotTaken(f"{self._peer} does not take objects of class {dataset.SOPClassUID}.") from lack
                _refuse_other_than_success(status, "C-STORE")

    def studies_of(self, mrn: str) -> list[FoundStudy]:
        """C-FIND at the level of studies (PS3.4 C.6.2)."""
        query = Dataset()
        query.QueryRetrieveLevel, query.PatientID, query.ModalitiesInStudy = "STUDY", mrn, "CT"
        for keyword in ("StudyInstanceUID", "StudyDate", "StudyTime", "StudyDescription", "AccessionNumber"):
            setattr(query, keyword, "")
        query.NumberOfStudyRelatedInstances = None
        with _Associated(self._peer, [STUDY_ROOT_FIND]) as association:
            answers = list(association.send_c_find(query, STUDY_ROOT_FIND))
        _refuse_other_than_success(answers[-1][0] if answers else Dataset(), "C-FIND")
        found = [identifier for status, identifier in answers if status.get("Status") in PENDING and identifier]
        return [_study(identifier) for identifier in found if _has_ct(identifier)]

    def fetch(self, study_uid: str) -> Iterator[Dataset]:
        """C-MOVE to our own AE title: the images come to the receiver, and become a scan there."""
        query = Dataset()
        query.QueryRetrieveLevel, query.StudyInstanceUID = "STUDY", study_uid
        with _Associated(self._peer, [STUDY_ROOT_MOVE], answer_seconds=MOVE_SECONDS) as association:
            last = Dataset()
            for status, _ in association.send_c_move(query, settings.DICOM_AE_TITLE, STUDY_ROOT_MOVE):
                last = status
        _refuse_other_than_success(last, "C-MOVE")
        if not last.get("NumberOfCompletedSuboperations"):
            raise NotTaken(f"{self._peer} sent no image of the study.")
        return iter(())


class _Associated:
    """An association that is released at the end."""

    def __init__(self, peer: Peer, classes: Sequence[str], answer_seconds: int = ANSWER_SECONDS) -> None:
        self._peer, self._classes, self._answer_seconds = peer, classes, answer_seconds

    def __enter__(self) -> Association:
        entity = AE(ae_title=settings.DICOM_AE_TITLE)
        entity.connection_timeout = entity.acse_timeout = CONNECT_SECONDS
        entity.dimse_timeout = entity.network_timeout = self._answer_seconds
        entity.requested_contexts = [build_context(uid) for uid in self._classes]
        tls = (_client_tls(), self._peer.host) if self._peer.uses_tls else None
        self._association = entity.associate(
            self._peer.host, self._peer.port, ae_title=self._peer.ae_title, tls_args=tls
        )
        if self._association.is_rejected:
            raise NotTaken(f"{self._peer} refuses to speak with {settings.DICOM_AE_TITLE}; check the AE titles.")
        if not self._association.is_established:
            raise NotTaken(f"{self._peer} does not answer at {self._peer.host}:{self._peer.port}.")
        return self._association

    def __exit__(self, *_: object) -> None:
        if self._association.is_established:
            self._association.release()


def _client_tls() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.DICOM_TLS_CA or None)
    if settings.DICOM_TLS_CERTIFICATE:
        context.load_cert_chain(settings.DICOM_TLS_CERTIFICATE, settings.DICOM_TLS_KEY)
    return context


def _refuse_other_than_success(status: Dataset, what: str) -> None:
    code = status.get("Status")
    if code is None:
        raise NotTaken(f"{what} was not answered.")
    if code != SUCCESS and code not in WARNINGS:
        comment = str(status.get("ErrorComment") or "")
        raise NotTaken(f"{what} was answered with status 0x{code:04X}{': ' + comment if comment else ''}.")


def _has_ct(identifier: Dataset) -> bool:
    """Archives may leave the modalities out; then the study might hold CT."""
    modalities = identifier.get("ModalitiesInStudy")
    return not modalities or "CT" in ([modalities] if isinstance(modalities, str) else modalities)


def _study(identifier: Dataset) -> FoundStudy:
    count = identifier.get("NumberOfStudyRelatedInstances")
    return FoundStudy(
        study_uid=str(identifier.get("StudyInstanceUID", "")),
        date=str(identifier.get("StudyDate") or ""),
        time=str(identifier.get("StudyTime") or ""),
        description=str(identifier.get("StudyDescription") or ""),
        mrn=str(identifier.get("PatientID") or ""),
        image_count=int(count) if count not in (None, "") else None,
    )


class DicomWebLine:
    """DICOMweb, through dicomweb-client."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        secret = secret_of(peer.secret_name)
        user, colon, password = secret.partition(":")
        session = create_session_from_user_pass(user, password) if colon else None
        headers = {"Authorization": f"Bearer {secret}"} if secret and not colon else None
        self._client = DICOMwebClient(peer.url.rstrip("/"), session=session, headers=headers)
        self._client.set_http_retry_params(retry=False)

    def send(self, datasets: Sequence[Dataset]) -> None:
        """STOW-RS, one object a request: some servers say yes to a whole and drop a part of it."""
        for dataset in datasets:
            answer = self._asked(self._client.store_instances, [dataset])
            stored = {str(item.ReferencedSOPInstanceUID) for item in answer.get("ReferencedSOPSequence", [])}
            if str(dataset.SOPInstanceUID) not in stored:
                raise NotTaken(f"{self._peer} did not store an object of class {dataset.SOPClassUID}.")

    def studies_of(self, mrn: str) -> list[FoundStudy]:
        """QIDO-RS."""
        fields = ["StudyDescription", "NumberOfStudyRelatedInstances"]
        filters = {"PatientID": mrn}
        rows = self._asked(self._client.search_for_studies, search_filters=filters, fields=fields)
        return [_study(found) for row in rows if _has_ct(found := Dataset.from_json(row))]

    def fetch(self, study_uid: str) -> Iterator[Dataset]:
        """WADO-RS of every CT series."""
        for row in self._asked(self._client.search_for_series, study_uid):
            found = Dataset.from_json(row)
            if found.get("Modality") == "CT":
                yield from self._asked(self._client.retrieve_series, study_uid, str(found.SeriesInstanceUID))

    def _asked(self, method: Any, *arguments: Any, **named: Any) -> Any:
        try:
            return method(*arguments, **named)
        except requests.HTTPError as refusal:
            status = refusal.response.status_code if refusal.response is not None else "unknown"
            raise NotTaken(f"{self._peer} answered with HTTP status {status}.") from refusal
        except requests.RequestException as trouble:
            raise NotTaken(f"{self._peer} does not answer at {self._peer.url}.") from trouble
