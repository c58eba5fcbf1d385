"""What arrived, what it became, and what was measured on it. Clinical rows are never deleted."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy

from portal.patients.models import Patient


class UploadState(models.TextChoices):
    """An upload is open while files arrive; then complete, or held for a person's decision, or refused."""

    OPEN = "open", gettext_lazy("Receiving files")
    HELD = "held", gettext_lazy("Held for a decision")
    COMPLETE = "complete", gettext_lazy("Complete")
    REFUSED = "refused", gettext_lazy("Refused")


class Upload(models.Model):
    """Files one person sends together. They are kept as received."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="uploads")
    state = models.CharField(max_length=10, choices=UploadState.choices, default=UploadState.OPEN)
    #: What keeps sending into it, for example a scanner and a study; empty for an upload that a person completes.
    origin = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    #: When a file came last, be it new or a copy.
    active_at = models.DateTimeField(default=timezone.now)
    completed_at = models.DateTimeField(null=True, blank=True)
    #: Who the sender says the patient is: {"mrn", "issuer", "name", "birth_date", "sex"}; empty: as the files say.
    claimed_patient = models.JSONField(default=dict, blank=True)
    #: Acquisition time the sender typed; files that carry one of their own keep it.
    claimed_acquired_at = models.DateTimeField(null=True, blank=True)
    hold_reason = models.TextField(blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="decided_uploads"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    #: The answer to `complete`, kept so that asking twice gives the same: {"scans", "jobs", "rejected"}.
    outcome = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["by", "origin"],
                condition=Q(state="open") & ~Q(origin=""),
                name="one_open_upload_per_origin",
            ),
        ]

    def __str__(self) -> str:
        return f"upload {self.id} ({self.state})"


class UploadedFile(models.Model):
    """One file as received, stored under its upload by its content's SHA-256."""

    upload = models.ForeignKey(Upload, on_delete=models.PROTECT, related_name="files")
    name = models.CharField(max_length=500)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    #: Key in the default storage.
    path = models.CharField(max_length=300)
    received_at = models.DateTimeField(auto_now_add=True)
    #: Why this file became part of no scan; empty when it did, or before the upload is complete.
    rejection = models.TextField(blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["upload", "sha256"], name="one_row_per_content_in_an_upload"),
        ]

    def __str__(self) -> str:
        return self.name


class ScanKind(models.TextChoices):
    """What a scan was made from."""

    DICOM = "dicom", "DICOM"
    NIFTI = "nifti", "NIfTI"
    MHA = "mha", "MetaImage"


class Scan(models.Model):
    """One reconstructed CT volume of one patient."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="scans")
    upload = models.ForeignKey(Upload, on_delete=models.PROTECT, related_name="scans")
    kind = models.CharField(max_length=10, choices=ScanKind.choices)
    study_uid = models.CharField(max_length=64, blank=True)
    series_uid = models.CharField(max_length=64, blank=True)
    frame_of_reference_uid = models.CharField(max_length=64, blank=True)
    series_number = models.IntegerField(null=True, blank=True)
    study_id = models.CharField(max_length=64, blank=True)
    study_date = models.DateField(null=True, blank=True)
    #: DICOM TM, as received.
    study_time = models.CharField(max_length=20, blank=True)
    study_description = models.CharField(max_length=200, blank=True)
    accession_number = models.CharField(max_length=64, blank=True)
    #: DICOM PN, as received.
    referring_physician = models.CharField(max_length=200, blank=True)
    #: Identifiers that were invalid as received, by attribute keyword.
    original_identifiers = models.JSONField(default=dict, blank=True)
    #: SHA-256 over the contents of its files: the same files again are the same scan.
    content_digest = models.CharField(max_length=64)
    #: Equal for several reconstructions of one acquisition.
    acquisition_key = models.CharField(max_length=200, blank=True)
    acquired_at = models.DateTimeField(null=True, blank=True)
    #: The DICOM attribute the time came from, or `typed`.
    acquired_at_source = models.CharField(max_length=60, blank=True)
    #: `Geometry.as_dict()`: shape_zyx, spacing_zyx_mm, origin_lps_mm, axes_zyx_lps.
    geometry = models.JSONField()
    slice_thickness_mm = models.FloatField(null=True, blank=True)
    kernel = models.CharField(max_length=64, blank=True)
    manufacturer = models.CharField(max_length=64, blank=True)
    device_model = models.CharField(max_length=64, blank=True)
    description = models.CharField(max_length=200, blank=True)
    body_part = models.CharField(max_length=64, blank=True)
    #: Quality notes of ingest: [{"code", "text"}].
    quality = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["acquired_at", "created_at"]
        constraints = [
            models.UniqueConstraint(fields=["patient", "content_digest"], name="one_scan_per_content_of_a_patient"),
        ]
        indexes = [
            models.Index(fields=["patient", "acquired_at"], name="scan_by_patient_and_time"),
            models.Index(fields=["study_uid", "series_uid"], name="scan_by_study_and_series"),
        ]

    def __str__(self) -> str:
        return f"scan {self.id}"

    @property
    def slice_count(self) -> int:
        """Slices of the volume, along its first axis."""
        return int(self.geometry["shape_zyx"][0])

    @property
    def folder(self) -> str:
        """Key prefix of everything derived from this scan in the default storage."""
        return f"scans/{self.id}"


class Instance(models.Model):
    """One DICOM instance (or the one volume file) of a scan, in anatomical order."""

    scan = models.ForeignKey(Scan, on_delete=models.PROTECT, related_name="instances")
    #: Position along the slice normal, counted from 0 (feet to head in axial scans).
    index = models.PositiveIntegerField()
    file = models.ForeignKey(UploadedFile, on_delete=models.PROTECT, related_name="instances")
    #: Name inside the archive when `file` is a zip, else empty.
    member = models.CharField(max_length=500, blank=True)
    #: As other programs may refer to it: valid, and unique in its series (`SeriesHeader.sop_uids`).
    sop_uid = models.CharField(max_length=64, blank=True)
    sop_class_uid = models.CharField(max_length=64, blank=True)
    frames = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["scan", "index"]
        constraints = [models.UniqueConstraint(fields=["scan", "index"], name="one_instance_per_position")]
        indexes = [models.Index(fields=["sop_uid"], name="instance_by_sop_uid")]

    def __str__(self) -> str:
        return f"{self.scan_id} [{self.index}]"


class Origin(models.TextChoices):
    """Who made a segmentation."""

    MODEL = "model", gettext_lazy("Pipeline")
    READER = "reader", gettext_lazy("Reader")


class Segmentation(models.Model):
    """One immutable revision of a scan's masks. A correction is a new revision."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scan = models.ForeignKey(Scan, on_delete=models.PROTECT, related_name="segmentations")
    number = models.PositiveIntegerField()
    origin = models.CharField(max_length=10, choices=Origin.choices)
    pipeline = models.CharField(max_length=60)
    pipeline_version = models.CharField(max_length=40)
    weights_sha256 = models.CharField(max_length=64, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="segmentations"
    )
    reason = models.TextField(blank=True)
    based_on = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="corrections")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["scan", "number"]
        constraints = [
            models.UniqueConstraint(fields=["scan", "number"], name="one_revision_per_number"),
            models.UniqueConstraint(
                fields=["scan", "pipeline", "pipeline_version", "weights_sha256"],
                condition=Q(origin="model"),
                name="one_result_per_scan_pipeline_and_weights",
            ),
        ]

    def __str__(self) -> str:
        return f"revision {self.number} of {self.scan_id}"

    @property
    def folder(self) -> str:
        """Key prefix of `lung.nii.gz`, `lobes.nii.gz`, `infection.nii.gz` in the default storage."""
        return f"scans/{self.scan_id}/revisions/{self.id}"


class Measurement(models.Model):
    """The figures of one revision; growth is derived from them and never stored."""

    segmentation = models.OneToOneField(Segmentation, on_delete=models.PROTECT, related_name="measurement")
    lung_ml = models.FloatField()
    infected_ml = models.FloatField()
    poi_percent = models.FloatField()
    ground_glass_ml = models.FloatField()
    consolidation_ml = models.FloatField()
    effusion_ml = models.FloatField()
    severity_score = models.PositiveSmallIntegerField()
    #: Smallest infected volume this pipeline tells from nothing.
    floor_ml = models.FloatField()
    #: Its quality notes: lists of patients need these of many scans, and nothing else of the details.
    quality = models.JSONField(default=list)
    #: The whole of `measurements.json`.
    details = models.JSONField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(lung_ml__gte=0) & Q(infected_ml__gte=0), name="volumes_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.infected_ml:.1f} ml"

    @property
    def notes(self) -> list[dict[str, str]]:
        """Quality notes of ingest and of this measurement, each once; needs `segmentation.scan`."""
        notes = [*self.segmentation.scan.quality, *self.quality]
        return list({note["code"]: note for note in notes}.values())


class Registration(models.Model):
    """One earlier result laid onto one later result. Another revision of either is another registration."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    after = models.ForeignKey(Segmentation, on_delete=models.PROTECT, related_name="registrations")
    before = models.ForeignKey(Segmentation, on_delete=models.PROTECT, related_name="registrations_as_prior")
    created_at = models.DateTimeField(auto_now_add=True)
    #: Content of `registration.json`: errors in mm, millilitres, slice pairs, transform.
    details = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["after", "before"], name="one_registration_per_pair_of_revisions"),
        ]

    def __str__(self) -> str:
        return f"{self.before_id} on {self.after_id}"

    @property
    def folder(self) -> str:
        """Key prefix of `growth.nii.gz` in the default storage."""
        return f"{self.after.folder}/registrations/{self.before_id}"


class Acknowledgement(models.Model):
    """A person's judgement of one flagged pair, tied to the very revisions it judged."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="acknowledgements")
    flag = models.CharField(max_length=20)
    before = models.ForeignKey(Segmentation, on_delete=models.PROTECT, related_name="+")
    after = models.ForeignKey(Segmentation, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="acknowledgements")
    at = models.DateTimeField(auto_now_add=True)
    reason = models.TextField()
    #: The sentence that was on screen when it was acknowledged.
    sentence = models.TextField()

    class Meta:
        ordering = ["-at"]
        constraints = [
            models.CheckConstraint(condition=~Q(before=F("after")), name="acknowledgement_judges_two_revisions"),
            models.CheckConstraint(condition=~Q(reason=""), name="acknowledgement_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.flag} acknowledged by {self.by_id}"


class Course(models.Model):
    """Where a patient stands, for ordering many patients: what `growth.assess` says, kept until a write changes it.

    Pages show what is derived anew; this only tells which patients to show (docs/decisions/0012).
    """

    patient = models.OneToOneField(Patient, primary_key=True, on_delete=models.CASCADE, related_name="course")
    #: The open flag, or empty.
    flag = models.CharField(max_length=20, blank=True)
    #: Acquisition of the latest measured scan, POSIX seconds: thousands are read at every look, and times are slow.
    latest_posix_s = models.FloatField(null=True, blank=True)
    #: Of the rules it was derived by; another one makes it stale.
    version = models.CharField(max_length=120)
    derived_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["derived_at"], name="course_by_age")]

    def __str__(self) -> str:
        return f"{self.flag or 'no flag'} of {self.patient_id}"


class CoursePoint(models.Model):
    """A scan that stands for one acquisition of a course, and since when its result is there to be read."""

    scan = models.OneToOneField(Scan, primary_key=True, on_delete=models.CASCADE, related_name="course_point")
    #: The scan's key as the audit trail writes it, so that the two can be joined.
    key = models.CharField(max_length=36)
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="points")
    ready_posix_s = models.FloatField()

    def __str__(self) -> str:
        return f"{self.scan_id}"


class ReportSignature(models.Model):
    """A radiologist's name under a report: the text as it was signed, and the revisions that it cites."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    revision = models.ForeignKey(Segmentation, on_delete=models.PROTECT, related_name="signatures")
    #: The earlier revision that the text compares with.
    compared_with = models.ForeignKey(
        Segmentation, null=True, blank=True, on_delete=models.PROTECT, related_name="signatures_as_prior"
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="signatures")
    at = models.DateTimeField(auto_now_add=True)
    text = models.TextField()

    class Meta:
        ordering = ["at"]
        constraints = [models.CheckConstraint(condition=~Q(text=""), name="signature_has_a_text")]

    def __str__(self) -> str:
        return f"signed by {self.by_id}"
