"""Other systems that speak DICOM, what is delivered to them, and what is fetched from them."""

import uuid

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.dicom.archive import RESULT_NAMES, RESULT_ROLES, Role
from portal.jobs.outgoing import Outgoing, OutgoingState, refuse_other_names
from portal.patients.models import Patient
from portal.scans.models import Segmentation


class Protocol(models.TextChoices):
    """How to speak to a system."""

    DIMSE = "dimse", "DICOM (C-STORE, C-FIND, C-MOVE)"
    DICOMWEB = "dicomweb", gettext_lazy("DICOMweb (STOW-RS, QIDO-RS, WADO-RS)")


class Peer(models.Model):
    """An archive or viewer. Its password is in the environment, under the name given here."""

    name = models.CharField(max_length=60, unique=True)
    protocol = models.CharField(max_length=10, choices=Protocol.choices)
    is_active = models.BooleanField(default=True)
    host = models.CharField(max_length=200, blank=True, help_text=gettext_lazy("DICOM: host name or address."))
    port = models.PositiveIntegerField(default=104, help_text=gettext_lazy("DICOM: port."))
    ae_title = models.CharField(
        gettext_lazy("AE title"), max_length=16, blank=True, help_text=gettext_lazy("DICOM: title of the other side.")
    )
    uses_tls = models.BooleanField(
        gettext_lazy("TLS"), default=False, help_text=gettext_lazy("DICOM: speak TLS; DICOMweb does by its address.")
    )
    url = models.URLField("address", blank=True, help_text=gettext_lazy("DICOMweb: address of the service."))
    secret_name = models.CharField(
        max_length=60,
        blank=True,
        validators=[refuse_other_names],
        help_text=gettext_lazy(
            "DICOMweb: environment variable LUNGTREND_PEER_... that holds user:password, or a token."
        ),
    )
    receives = models.CharField(
        max_length=40,
        blank=True,
        help_text=gettext_lazy("Results it may be sent, separated by commas: seg, sr, sc, pdf."),
    )
    is_automatic = models.BooleanField(default=False, help_text=gettext_lazy("Send every new result by itself."))
    answers_queries = models.BooleanField(
        default=False, help_text=gettext_lazy("Ask it for earlier scans of a patient.")
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def roles(self) -> list[Role]:
        """The kinds of results that it is sent."""
        return [Role(word.strip()) for word in self.receives.split(",") if word.strip()]

    @property
    def takes(self) -> str:
        """The kinds of results that it is sent, for people."""
        return ", ".join(str(RESULT_NAMES[role]) for role in self.roles)

    def clean(self) -> None:
        """Refuse what could never work.

        Raises:
            ValidationError: an address is missing, or a kind of result is unknown.
        """
        if self.protocol == Protocol.DIMSE and not (self.host and self.ae_title):
            raise ValidationError(_("DICOM needs a host and an AE title."))
        if self.protocol == Protocol.DICOMWEB and not self.url:
            raise ValidationError(_("DICOMweb needs an address."))
        unknown = {word.strip() for word in self.receives.split(",") if word.strip()} - set(RESULT_ROLES)
        if unknown:
            raise ValidationError(
                {"receives": _("Not a kind of result: %(unknown)s.") % {"unknown": ", ".join(sorted(unknown))}}
            )


class Delivery(Outgoing):
    """One kind of result of one revision, for one peer."""

    peer = models.ForeignKey(Peer, on_delete=models.PROTECT, related_name="deliveries")
    revision = models.ForeignKey(Segmentation, on_delete=models.PROTECT, related_name="deliveries")
    role = models.CharField(max_length=5, choices=[(role.value, RESULT_NAMES[role]) for role in RESULT_ROLES])
    #: Empty for what was sent by itself.
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta(Outgoing.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["peer", "revision", "role"],
                condition=models.Q(state=OutgoingState.WAITING),
                name="one_open_delivery_of_a_result",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} of {self.revision_id} to {self.peer_id}"


class PriorImport(Outgoing):
    """One earlier study of a patient, to be fetched from a peer."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    peer = models.ForeignKey(Peer, on_delete=models.PROTECT, related_name="imports")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="imports")
    study_uid = models.CharField(max_length=64)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta(Outgoing.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["peer", "study_uid"],
                condition=models.Q(state=OutgoingState.WAITING),
                name="one_open_import_of_a_study",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.study_uid} from {self.peer_id}"
