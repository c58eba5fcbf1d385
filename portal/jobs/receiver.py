"""Images sent by scanners and archives: DICOM C-ECHO and C-STORE (PS3.4 B), each series one upload.

A series has arrived when none of its images came for the quiet period; then its upload is completed like any other.
What the sender was told is stored is on disk and in the database, so that a restart loses nothing.
"""

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from pynetdicom import AE, AllStoragePresentationContexts, build_context, evt
from pynetdicom.presentation import PresentationContext

from portal.accounts.models import User
from portal.jobs.intake import complete_upload, hold_upload
from portal.scans.errors import FileRefused, IntakeRefused
from portal.scans.intake import open_upload, receive_file
from portal.scans.models import Upload, UploadState

logger = logging.getLogger(__name__)

#: SOP class of C-ECHO.
VERIFICATION = "1.2.840.10008.1.1"
#: DIMSE status (PS3.4 B.2.3, PS3.7 C).
SUCCESS, OUT_OF_RESOURCES, CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000
#: Uncompressed, deflated, JPEG, JPEG-LS, JPEG 2000, RLE.
TRANSFER_SYNTAXES = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.5",
)
#: Calling AE title, study and series: what belongs into one upload.
Origin = tuple[str, str, str]


@dataclass(slots=True)
class _Arriving:
    upload: Upload
    seen_at: float = field(default_factory=time.monotonic)


class Receiver:
    """A storage provider. `user` is the account in whose name it receives, whose teams the patients join."""

    def __init__(self, user: User, *, ae_title: str, allowed: list[str], quiet_seconds: float) -> None:
        self._user = user
        self._quiet_seconds = quiet_seconds
        self._arriving: dict[Origin, _Arriving] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._ae = AE(ae_title=ae_title)
        self._ae.require_called_aet = True
        self._ae.require_calling_aet = allowed
        self._ae.supported_contexts = _contexts()
        self._server: Any = None
        self._sweeper = threading.Thread(target=self._sweep_until_stopped, daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def start(self, host: str, port: int) -> None:
        """Listen, in threads of its own."""
        self._take_up_what_a_restart_left()
        handlers: list[Any] = [(evt.EVT_C_STORE, self._store), (evt.EVT_C_ECHO, lambda _: SUCCESS)]
        self._server = self._ae.start_server((host, port), block=False, evt_handlers=handlers)
        self._sweeper.start()

    def stop(self) -> None:
        """Hear nobody any more; open uploads are taken up by the next start."""
        self._stopped.set()
        self._server.shutdown()
        self._sweeper.join()

    def _take_up_what_a_restart_left(self) -> None:
        for upload in Upload.objects.filter(by=self._user, state=UploadState.OPEN, files__isnull=False).distinct():
            self._arriving[("", "", str(upload.pk))] = _Arriving(upload)

    def _store(self, event: Any) -> int:
        """One image. Success means that it is stored."""
        close_old_connections()
        try:
            dataset = event.dataset
            origin = (
                str(event.assoc.requestor.ae_title),
                str(dataset.get("StudyInstanceUID", "")),
                str(dataset.get("SeriesInstanceUID", "")),
            )
            name = f"{event.request.AffectedSOPInstanceUID}.dcm"
            content = event.encoded_dataset()
        except Exception:  # noqa: BLE001 - whatever a damaged data set makes the parser raise, the sender gets a status
            logger.warning("an image could not be understood")
            return CANNOT_UNDERSTAND
        try:
            with self._lock:
                arriving = self._arriving.get(origin) or _Arriving(open_upload(by=self._user))
                self._arriving[origin] = arriving
                receive_file(upload=arriving.upload, name=name, chunks=[content])
                arriving.seen_at = time.monotonic()
        except (OSError, DatabaseError, FileRefused):
            logger.exception("an image could not be stored")
            return OUT_OF_RESOURCES
        return SUCCESS

    def _sweep_until_stopped(self) -> None:
        while not self._stopped.wait(min(1.0, self._quiet_seconds / 2)):
            close_old_connections()
            try:
                self.complete_quiet()
            except (OSError, DatabaseError):
                logger.exception("the uploads that have become quiet could not be completed; trying again")

    def complete_quiet(self) -> None:
        """Complete every upload that has been quiet for long enough."""
        now = time.monotonic()
        with self._lock:
            quiet = {
                origin: arriving
                for origin, arriving in self._arriving.items()
                if now - arriving.seen_at >= self._quiet_seconds
            }
            for origin, arriving in quiet.items():
                self._complete(arriving.upload)
                del self._arriving[origin]

    def _complete(self, upload: Upload) -> None:
        try:
            outcome = complete_upload(by=self._user, upload=upload, claimed_patient=None, acquired_at=None)
        except IntakeRefused as refusal:
            hold_upload(upload=upload, reason=str(refusal))
            logger.warning("upload %s is held for a person", upload.pk)
            return
        logger.info("upload %s: %d scans", upload.pk, len(outcome["scans"]))


def new_receiver(user: User) -> Receiver:
    """A receiver as the settings say."""
    return Receiver(
        user,
        ae_title=settings.DICOM_AE_TITLE,
        allowed=settings.DICOM_ALLOWED_AE_TITLES,
        quiet_seconds=settings.DICOM_QUIET_SECONDS,
    )


def _contexts() -> list[PresentationContext]:
    classes = [context.abstract_syntax for context in AllStoragePresentationContexts]
    storage = [build_context(uid, list(TRANSFER_SYNTAXES)) for uid in classes if uid is not None]
    return [build_context(VERIFICATION), *storage]
