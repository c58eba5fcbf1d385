"""Instances of series without valid, unique SOP instance UIDs get one, as `SeriesHeader.sop_uids` makes it."""

from collections import Counter

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from inference.io.identifiers import is_valid_uid, safe_uid


def mend(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    instance_model = apps.get_model("scans", "Instance")
    for scan in apps.get_model("scans", "Scan").objects.filter(kind="dicom").iterator():
        instances = list(instance_model.objects.filter(scan=scan).order_by("index"))
        times = Counter(instance.sop_uid for instance in instances)
        for place, instance in enumerate(instances):
            uid = instance.sop_uid.strip()
            if times[uid] > 1 or not is_valid_uid(uid):
                instance.sop_uid = safe_uid(uid if times[uid] == 1 else "", otherwise=f"{scan.series_uid} {place}")
                instance.save(update_fields=["sop_uid"])


class Migration(migrations.Migration):
    dependencies = [("scans", "0003_arrivals_and_study_attributes")]

    operations = [migrations.RunPython(mend, migrations.RunPython.noop)]
