"""What deploy/ says fits the software: settings, commands, addresses, tables; the tools that read it accept it."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from django.core.management import call_command, get_commands
from django.core.management.base import CommandError
from django.db import connection
from django.urls import resolve

from portal.jobs.doorbell import Bell
from portal.jobs.engine import Engine
from portal.jobs.models import InferenceJob
from portal.jobs.services import submit_scan
from tests.factories import make_scan

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
#: Read by tests, by the demo and by Compose itself.
NOT_OURS = {"LUNGTREND_ENV_FILE"}


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def known_settings() -> set[str]:
    sources = [*(REPOSITORY / "portal" / "settings").glob("*.py")]
    return {name for path in sources for name in re.findall(r"LUNGTREND_[A-Z0-9_]+", path.read_text())}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path) -> None:
    assert set(re.findall(r"LUNGTREND_[A-Z0-9_]+", path.read_text())) <= known_settings() | NOT_OURS


def test_the_example_asks_for_everything_without_which_production_does_not_start() -> None:
    production = (REPOSITORY / "portal" / "settings" / "production.py").read_text()
    required = set(re.findall(r'_required\("([A-Z_]+)"\)', production))
    lines = [line for line in (DEPLOY / "example.env").read_text().splitlines() if line and line[0] != "#"]
    example = dict(line.split("=", 1) for line in lines)
    assert required <= set(example)
    assert not any(example[name] for name in required if name.endswith(("KEY", "PASSWORD", "HOSTS")))


def test_the_image_can_back_up_the_database_beside_it() -> None:
    clients = {"bookworm": 15, "trixie": 17}
    (debian,) = re.findall(r"FROM python:\S+-slim-(\w+)", (DEPLOY / "Dockerfile").read_text())
    (server,) = re.findall(r"image: postgres:(\d+)", (DEPLOY / "compose.yaml").read_text())
    assert clients[debian] >= int(server)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_command_exists(path) -> None:
    named = re.findall(r'manage\.py"?[, ]+"?([a-z_]+)', path.read_text())
    assert set(named) <= set(get_commands())


def test_probes_ask_where_somebody_answers() -> None:
    text = (DEPLOY / "kubernetes" / "portal.yaml").read_text() + (DEPLOY / "compose.yaml").read_text()
    probed = set(re.findall(r"(?:path: |8000)(/[a-z]+)\b", text)) - {"/data"}
    assert probed == {"/healthz"}
    assert all(resolve(address) for address in probed)


@pytest.mark.parametrize("document", documents("kubernetes/portal.yaml"), ids=lambda document: document["kind"])
def test_kubernetes_accepts_the_manifests(document) -> None:
    kubernetes_validate.validate(document, "1.33", strict=True)


def test_what_is_scaled_is_there() -> None:
    (scaled,) = documents("kubernetes/autoscaling.yaml")
    workloads = {doc["metadata"]["name"] for doc in documents("kubernetes/portal.yaml") if doc["kind"] == "Deployment"}
    assert scaled["spec"]["scaleTargetRef"]["name"] in workloads


@pytest.mark.django_db
def test_the_depth_of_the_queue_counts_clinical_jobs(patient, clinician) -> None:
    (scaled,) = documents("kubernetes/autoscaling.yaml")
    for number in range(3):
        submit_scan(by=clinician, scan=make_scan(patient, clinician, hours=number))
    InferenceJob.objects.filter(pk=InferenceJob.objects.first().pk).update(is_research=True)
    with connection.cursor() as cursor:
        cursor.execute(scaled["spec"]["triggers"][0]["metadata"]["query"])
        assert cursor.fetchone()[0] == 2


def test_compose_services_refer_to_what_is_there() -> None:
    (compose,) = documents("compose.yaml")
    services, networks = compose["services"], set(compose["networks"])
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        assert set(service.get("networks", [])) <= networks
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source.startswith(".") or source in compose["volumes"]
    assert {name for name, service in services.items() if "ports" in service} == {"proxy", "receiver"}


@pytest.mark.parametrize("unit", ["web@8001.service", "worker@0.service", "receiver.service"])
def test_systemd_accepts_the_units(unit, tmp_path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not here")
    for path in (DEPLOY / "systemd").iterdir():
        (tmp_path / path.name).write_text(path.read_text().replace("/srv/lungtrend", str(REPOSITORY)))
    command = ["systemd-analyze", "verify", "--man=no", f"lungtrend-{unit}"]
    done = subprocess.run(
        command, env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, [line for line in done.stderr.splitlines() if "lungtrend" in line]) == (0, [])


@pytest.mark.django_db
def test_a_worker_s_probe_knows_its_own_machine(monkeypatch) -> None:
    with pytest.raises(CommandError):
        call_command("worker_alive")
    Engine(Bell())._beat()
    call_command("worker_alive")
    monkeypatch.setattr("socket.gethostname", lambda: "another-machine")
    with pytest.raises(CommandError):
        call_command("worker_alive")
