"""Quality notes get a column of their own, so that lists need not read all details."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

BATCH = 500


def copy_notes(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """From each measurement's details."""
    measurements = apps.get_model("scans", "Measurement").objects
    batch = []
    for measurement in measurements.only("details").iterator(BATCH):
        measurement.quality = measurement.details.get("quality", [])
        batch.append(measurement)
        if len(batch) == BATCH:
            measurements.bulk_update(batch, ["quality"])
            batch = []
    measurements.bulk_update(batch, ["quality"])


class Migration(migrations.Migration):
    """One column."""

    dependencies = [("scans", "0006_report_signatures")]

    operations = [
        migrations.AddField("measurement", "quality", models.JSONField(default=list)),
        migrations.RunPython(copy_notes, migrations.RunPython.noop, elidable=True),
    ]
