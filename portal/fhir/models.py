"""Who is told when a flag opens, and what they were told."""

from django.db import models
from django.utils.translation import gettext_lazy

from portal.jobs.outgoing import Outgoing, refuse_other_names
from portal.patients.models import Patient
from portal.scans.models import Segmentation


class Channel(models.TextChoices):
    """How somebody is told."""

    WEBHOOK = "webhook", gettext_lazy("FHIR bundle by HTTP")
    EMAIL = "email", gettext_lazy("E-mail without names")


class Subscriber(models.Model):
    """A system or a mailbox that wants to know of flags. Secrets are in the environment, under the name given here."""

    name = models.CharField(max_length=60, unique=True)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    address = models.CharField(max_length=300, help_text=gettext_lazy("Address of the webhook, or of the mailbox."))
    secret_name = models.CharField(
        max_length=60,
        blank=True,
        validators=[refuse_other_names],
        help_text=gettext_lazy("Webhook: environment variable LUNGTREND_PEER_... with the key that signs the body."),
    )
    care_team = models.ForeignKey(
        "patients.CareTeam",
        on_delete=models.PROTECT,
        related_name="subscribers",
        help_text=gettext_lazy("Whose patients."),
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class FlagNotice(Outgoing):
    """One flagged pair, for one subscriber."""

    subscriber = models.ForeignKey(Subscriber, on_delete=models.PROTECT, related_name="notices")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    flag = models.CharField(max_length=20)
    before = models.ForeignKey(Segmentation, on_delete=models.PROTECT, related_name="+")
    after = models.ForeignKey(Segmentation, on_delete=models.PROTECT, related_name="+")

    class Meta(Outgoing.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["subscriber", "flag", "before", "after"], name="one_notice_of_a_flagged_pair"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.flag} to {self.subscriber_id}"


class FlagWatch(models.Model):
    """How far new results and changes have been looked at for flags; one row."""

    last_result_at = models.DateTimeField(null=True, blank=True)
    last_event = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"up to event {self.last_event}"
