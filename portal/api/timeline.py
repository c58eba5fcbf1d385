"""JSON of a patient's timeline: points, changes, flag. Shapes only; all arithmetic is in `portal.scans.growth`."""

from typing import Any

from rest_framework import serializers

from portal.api.uploads import QualityNoteSerializer
from portal.scans.growth import GROWTH_VERSION, Change, Flag, Qualifier
from portal.scans.selectors import Timeline, TimelinePoint
from portal.scans.wording import change_sentence


class PipelineIdentitySerializer(serializers.Serializer[Any]):
    """What measured a point."""

    name = serializers.CharField()
    version = serializers.CharField()
    sha256 = serializers.CharField(allow_blank=True)


class TimelinePointSerializer(serializers.Serializer[Any]):
    """One measured acquisition. Volumes in millilitres."""

    scan = serializers.UUIDField()
    acquired_at = serializers.DateTimeField()
    infected_ml = serializers.FloatField()
    lung_ml = serializers.FloatField()
    poi_percent = serializers.FloatField()
    composition = serializers.DictField()
    lobes = serializers.DictField()
    severity_score = serializers.IntegerField()
    pipeline = PipelineIdentitySerializer()
    revision = serializers.IntegerField()
    quality = QualityNoteSerializer(many=True)


class ChangeSerializer(serializers.Serializer[Any]):
    """One later scan against one earlier scan."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Fields by name; `from` cannot be a class attribute in Python."""
        return {
            "from": serializers.UUIDField(),
            "to": serializers.UUIDField(),
            "hours": serializers.FloatField(),
            "growth_percent": serializers.FloatField(allow_null=True),
            "growth_48h_percent": serializers.FloatField(allow_null=True),
            "flag": serializers.ChoiceField(choices=[flag.value for flag in Flag], allow_null=True),
            "qualifiers": serializers.ListField(
                child=serializers.ChoiceField(choices=[qualifier.value for qualifier in Qualifier])
            ),
            "acknowledged": serializers.BooleanField(),
            "sentence": serializers.CharField(),
        }


class TimelineSerializer(serializers.Serializer[Any]):
    """A patient's course and flag, derived at the time of asking."""

    points = TimelinePointSerializer(many=True)
    changes = ChangeSerializer(many=True)
    flag = serializers.ChoiceField(choices=[flag.value for flag in Flag], allow_null=True)
    #: Scans that are measured but carry no acquisition time, and so stand outside the course.
    undated = serializers.ListField(child=serializers.UUIDField())
    #: Other reconstructions, by the scan that stands for their acquisition.
    folded = serializers.DictField(child=serializers.CharField())
    growth_version = serializers.CharField()


def timeline_payload(timeline: Timeline) -> dict[str, Any]:
    """JSON types of a timeline; described by `TimelineSerializer`."""
    assessment = timeline.assessment
    return {
        "points": [_point(point) for point in timeline.points],
        "changes": [_change(change) for change in assessment.changes],
        "flag": assessment.flag,
        "undated": [str(scan.pk) for scan in timeline.undated],
        "folded": assessment.folded,
        "growth_version": GROWTH_VERSION,
    }


def _point(point: TimelinePoint) -> dict[str, Any]:
    measured = point.measurement
    revision = point.segmentation
    return {
        "scan": str(point.scan.pk),
        "acquired_at": point.scan.acquired_at,
        "infected_ml": measured.infected_ml,
        "lung_ml": measured.lung_ml,
        "poi_percent": measured.poi_percent,
        "composition": measured.details["composition"],
        "lobes": measured.details["lobes"],
        "severity_score": measured.severity_score,
        "pipeline": {
            "name": revision.pipeline,
            "version": revision.pipeline_version,
            "sha256": revision.weights_sha256,
        },
        "revision": revision.number,
        "quality": measured.notes,
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "from": change.before.scan,
        "to": change.after.scan,
        "hours": change.hours,
        "growth_percent": _percent(change.growth),
        "growth_48h_percent": _percent(change.growth_48h),
        "flag": change.flag,
        "qualifiers": list(change.qualifiers),
        "acknowledged": change.is_acknowledged,
        "sentence": change_sentence(change),
    }


def _percent(ratio: float | None) -> float | None:
    return None if ratio is None else 100 * ratio
