"""Images sent by scanners and archives: DICOM C-ECHO and C-STORE (PS3.4 B).

What the sender was told is stored is on disk and in the database; `portal.jobs.arrivals` says when a study is complete.
"""

import logging
import ssl
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from pynetdicom import AE, AllStoragePresentationContexts, build_context, evt
from pynetdicom import _config as pynetdicom_config
from pynetdicom.presentation import PresentationContext

from portal.accounts.models import User
from portal.dicom.duplicates import is_another_image
from portal.dicom.headers import identity_of
from portal.jobs.arrivals import complete_quiet, receive_image
from portal.scans.errors import FileRefused

logger = logging.getLogger(__name__)

#: SOP class of C-ECHO.
VERIFICATION = "1.2.840.10008.1.1"
#: DIMSE status (PS3.4 B.2.3, PS3.7 C).
SUCCESS, DUPLICATE, OUT_OF_RESOURCES, MISMATCH, CANNOT_UNDERSTAND = 0x0000, 0x0111, 0xA700, 0xA900, 0xC000
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
#: A sender that says nothing for this long is hung up on.
SILENT_SECONDS = 60


class Receiver:
    """A storage provider. `user` is the account in whose name it receives, whose teams the patients join."""

    def __init__(
        self,
        user: User,
        *,
        ae_title: str,
        allowed: list[str],
        quiet_seconds: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._user = user
        self._quiet_seconds = quiet_seconds
        self._tls = tls
        self._stopped = threading.Event()
        self._ae = AE(ae_title=ae_title)
        self._ae.require_called_aet = True
        self._ae.require_calling_aet = allowed
        self._ae.supported_contexts = _contexts()
        self._ae.network_timeout = self._ae.acse_timeout = self._ae.dimse_timeout = SILENT_SECONDS
        self._server: Any = None
        self._sweeper = threading.Thread(target=self._sweep_until_stopped, daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def start(self, host: str, port: int) -> None:
        """Listen, in threads of its own."""
        # An image goes to a file as it comes in, so that a huge one fills no memory.
        pynetdicom_config.STORE_RECV_CHUNKED_DATASET = True
        handlers: list[Any] = [
            (evt.EVT_CONN_OPEN, _hang_up_on_silence),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_C_ECHO, lambda _: SUCCESS),
        ]
        self._server = self._ae.start_server((host, port), block=False, evt_handlers=handlers, ssl_context=self._tls)
        self._sweeper.start()

    def stop(self) -> None:
        """Hear nobody any more; what has arrived is completed by the next start, or by a worker."""
        self._stopped.set()
        self._server.shutdown()
        self._sweeper.join()

    def _store(self, event: Any) -> int:
        """One image. Success means that it is stored."""
        close_old_connections()
        request, received = event.request, Path(event.dataset_path)
        identity = identity_of(received)
        if identity is None:
            logger.warning("an image could not be understood")
            return CANNOT_UNDERSTAND
        if identity.sop_class_uid and identity.sop_class_uid != request.AffectedSOPClassUID:
            return MISMATCH
        uid = str(request.AffectedSOPInstanceUID)
        try:
            if is_another_image(uid, received):
                return DUPLICATE
            origin = f"C-STORE {event.assoc.requestor.ae_title} {identity.study_uid}"
            receive_image(by=self._user, origin=origin, name=f"{uid}.dcm", content=received)
        except (OSError, DatabaseError, FileRefused):
            logger.exception("an image could not be stored")
            return OUT_OF_RESOURCES
        return SUCCESS

    def _sweep_until_stopped(self) -> None:
        while not self._stopped.wait(min(1.0, self._quiet_seconds / 2)):
            close_old_connections()
            try:
                complete_quiet(self._quiet_seconds)
            except (OSError, DatabaseError):
                logger.exception("the uploads that have become quiet could not be completed; trying again")


def _hang_up_on_silence(event: Any) -> None:
    """pynetdicom waits for ever for the rest of a message that has begun; its own time-outs count between messages."""
    event.assoc.dul.socket.socket.settimeout(SILENT_SECONDS)


def new_receiver(user: User) -> Receiver:
    """A receiver as the settings say."""
    return Receiver(
        user,
        ae_title=settings.DICOM_AE_TITLE,
        allowed=settings.DICOM_ALLOWED_AE_TITLES,
        quiet_seconds=settings.DICOM_QUIET_SECONDS,
        tls=server_tls(),
    )


def server_tls() -> ssl.SSLContext | None:
    """TLS for the receiver when a certificate is configured; with a CA, senders must show certificates of theirs.

    Raises:
        OSError: a file is missing or is no certificate.
    """
    if not settings.DICOM_TLS_CERTIFICATE:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.DICOM_TLS_CERTIFICATE, settings.DICOM_TLS_KEY)
    if settings.DICOM_TLS_CA:
        context.load_verify_locations(settings.DICOM_TLS_CA)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _contexts() -> list[PresentationContext]:
    classes = [context.abstract_syntax for context in AllStoragePresentationContexts]
    storage = [build_context(uid, list(TRANSFER_SYNTAXES)) for uid in classes if uid is not None]
    return [build_context(VERIFICATION), *storage]
