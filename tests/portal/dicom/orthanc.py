"""Debian's Orthanc, in a network namespace of its own: it listens on all addresses there are."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
#: Addresses of this machine and of Orthanc on the line between them; others for each run, also for one that was killed.
HERE, THERE = (f"10.213.{os.getpid() % 251}.{host}" for host in (1, 2))
HTTP_PORT, DICOM_PORT = 8042, 4242
USER, PASSWORD = "tester", "only-on-this-line"


def can_run() -> bool:
    """Whether Orthanc and the means to part it from the network are here."""
    return bool(shutil.which("Orthanc") and shutil.which("ip") and PLUGIN.exists() and os.geteuid() == 0)


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc."""

    web = f"http://{THERE}:{HTTP_PORT}/dicom-web"

    def ask(self, method: str, path: str, **options: object) -> requests.Response:
        """A request to its own REST."""
        address = f"http://{THERE}:{HTTP_PORT}{path}"
        answer = requests.request(method, address, auth=(USER, PASSWORD), timeout=60, **options)
        answer.raise_for_status()
        return answer

    def instances(self, modality: str) -> list[bytes]:
        """The files of all instances of a modality."""
        query = {"Level": "Series", "Query": {"Modality": modality}, "Expand": True}
        series = self.ask("POST", "/tools/find", json=query).json()
        return [self.ask("GET", f"/instances/{one}/file").content for found in series for one in found["Instances"]]

    def forget_everything(self) -> None:
        """Empty it."""
        for patient in self.ask("GET", "/patients").json():
            self.ask("DELETE", f"/patients/{patient}")


@contextmanager
def running_orthanc(folder: Path) -> Iterator[Orthanc]:
    """Start it, and stop it at the end."""
    configuration = folder / "orthanc.json"
    configuration.write_text(
        json.dumps(
            {
                "StorageDirectory": str(folder / "storage"),
                "IndexDirectory": str(folder / "index"),
                "HttpPort": HTTP_PORT,
                "DicomPort": DICOM_PORT,
                "DicomAet": "ORTHANC",
                "DicomAlwaysAllowFindWorklist": False,
                "DicomAlwaysAllowMove": True,
                "RemoteAccessAllowed": True,
                "AuthenticationEnabled": True,
                "RegisteredUsers": {USER: PASSWORD},
                "Plugins": [str(PLUGIN)],
                "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            }
        )
    )
    with _line(name := f"lt{os.getpid()}"):
        command = ["ip", "netns", "exec", name, shutil.which("Orthanc") or "Orthanc", str(configuration)]
        with (folder / "orthanc.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield _answering(Orthanc(), process)
        finally:
            process.terminate()
            process.wait(20)


def _answering(orthanc: Orthanc, process: "subprocess.Popen[bytes]") -> Orthanc:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            orthanc.ask("GET", "/system")
        except requests.RequestException:
            time.sleep(0.2)
        else:
            return orthanc
    raise AssertionError("Orthanc did not start")


@contextmanager
def _line(name: str) -> Iterator[None]:
    near, far = f"{name}a", f"{name}b"
    inside = ["ip", "netns", "exec", name, "ip"]
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for command in (
            ["ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", name],
            ["ip", "addr", "add", f"{HERE}/30", "dev", near],
            ["ip", "link", "set", near, "up"],
            [*inside, "addr", "add", f"{THERE}/30", "dev", far],
            [*inside, "link", "set", far, "up"],
            [*inside, "link", "set", "lo", "up"],
        ):
            subprocess.run(command, check=True)
        yield
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)
