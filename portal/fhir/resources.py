"""FHIR R4 resources of what the portal knows, as plain JSON. Figures are those of the revision that counts."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.utils.translation import override

from inference.dicom import terms
from inference.labels import LobeLabel
from portal.patients.models import Patient, Sex
from portal.scans.growth import Change
from portal.scans.models import Origin, Scan, ScanKind, Segmentation
from portal.scans.wording import change_sentence

Resource = dict[str, Any]
SNOMED, LOINC, UCUM = "http://snomed.info/sct", "http://loinc.org", "http://unitsofmeasure.org"
DICOM_CODES = "http://dicom.nema.org/resources/ontology/DCM"
CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
SECTIONS = "http://terminology.hl7.org/CodeSystem/v2-0074"
CONNECTIONS = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
#: Codes of our own, the same as in the DICOM report.
OWN = f"urn:{terms.PRIVATE_SCHEME.lower()}"
FLAGS = f"{OWN}:flag"
CT_OF_CHEST = ("24627-2", "CT Chest")
GENDER = {Sex.FEMALE: "female", Sex.MALE: "male", Sex.OTHER: "other", Sex.UNKNOWN: "unknown"}


def patient_resource(patient: Patient) -> Resource:
    """Patient."""
    family, _, given = patient.name.partition(", ")
    identifier: Resource = {"type": {"coding": [_coding("http://terminology.hl7.org/CodeSystem/v2-0203", "MR", "")]}}
    identifier |= {"value": patient.mrn}
    if patient.issuer:
        identifier["assigner"] = {"display": patient.issuer}
    resource: Resource = {
        "resourceType": "Patient",
        "id": str(patient.pk),
        "identifier": [identifier],
        "gender": GENDER[Sex(patient.sex)],
    }
    if patient.name:
        resource["name"] = [{"family": family, **({"given": given.split()} if given else {})}]
    if patient.birth_date:
        resource["birthDate"] = patient.birth_date.isoformat()
    return resource


def imaging_study(scans: Sequence[Scan], address: str) -> Resource:
    """ImagingStudy of the scans of one DICOM study; `address` is that of DICOMweb."""
    first = scans[0]
    dated = [scan.acquired_at for scan in scans if scan.acquired_at]
    endpoint: Resource = {
        "resourceType": "Endpoint",
        "id": "wado",
        "status": "active",
        "connectionType": _coding(CONNECTIONS, "dicom-wado-rs", "DICOM WADO-RS"),
        "payloadType": [{"text": "DICOM"}],
        "address": address,
    }
    resource: Resource = {
        "resourceType": "ImagingStudy",
        "id": first.study_uid,
        "contained": [endpoint],
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{first.study_uid}"}],
        "status": "available",
        "modality": [_coding(DICOM_CODES, "CT", "Computed Tomography")],
        "subject": _reference("Patient", first.patient_id),
        "endpoint": [{"reference": "#wado"}],
        "numberOfSeries": len(scans),
        "numberOfInstances": sum(scan.slice_count for scan in scans),
        "series": [_series(scan) for scan in scans],
    }
    if dated:
        resource["started"] = min(dated).isoformat()
    if first.accession_number:
        accession = {"coding": [_coding("http://terminology.hl7.org/CodeSystem/v2-0203", "ACSN", "Accession ID")]}
        resource["identifier"].append({"type": accession, "value": first.accession_number})
    if first.study_description:
        resource["description"] = first.study_description
    return resource


def _series(scan: Scan) -> Resource:
    series: Resource = {
        "uid": scan.series_uid,
        "modality": _coding(DICOM_CODES, "CT", "Computed Tomography"),
        "numberOfInstances": scan.slice_count,
        "bodySite": _coding(SNOMED, *terms.LUNG),
    }
    if scan.series_number is not None and scan.series_number >= 0:
        series["number"] = scan.series_number
    if scan.description:
        series["description"] = scan.description
    return series


def diagnostic_report(revision: Segmentation, change: Change | None) -> Resource:
    """DiagnosticReport of one revision: preliminary as a pipeline made it, final when a reader corrected it."""
    scan = revision.scan
    resource: Resource = {
        "resourceType": "DiagnosticReport",
        "id": str(revision.pk),
        "status": "final" if revision.origin == Origin.READER else "preliminary",
        "category": [{"coding": [_coding(SECTIONS, "RAD", "Radiology")]}],
        "code": {"coding": [_coding(LOINC, *CT_OF_CHEST)]},
        "subject": _reference("Patient", scan.patient_id),
        "issued": revision.created_at.isoformat(),
        "result": [_reference("Observation", o["id"]) for o in observations(revision, change)],
        "conclusion": _conclusion(revision, change),
    }
    if scan.acquired_at:
        resource["effectiveDateTime"] = scan.acquired_at.isoformat()
    if scan.kind == ScanKind.DICOM:
        resource["imagingStudy"] = [_reference("ImagingStudy", scan.study_uid)]
    if revision.author:
        resource["resultsInterpreter"] = [{"display": revision.author.get_full_name() or revision.author.username}]
    if change is not None and change.flag:
        coding = _coding(FLAGS, change.flag, change.flag.replace("-", " "))
        resource["conclusionCode"] = [{"coding": [coding]}]
    return resource


@override(None)
def _conclusion(revision: Segmentation, change: Change | None) -> str:
    measured = revision.measurement
    sentence = (
        f"Infected volume {measured.infected_ml:.1f} ml of {measured.lung_ml:.0f} ml lung "
        f"({measured.poi_percent:.1f} %), CT severity score {measured.severity_score} of 25."
    )
    told = [change_sentence(change)] if change is not None else []
    return " ".join([*told, sentence, settings.RESEARCH_USE_NOTICE])


def observations(revision: Segmentation, change: Change | None) -> list[Resource]:
    """An Observation for each measurement of one revision."""
    return [_observation(revision, *entry) for entry in _entries(revision, change)]


def _entries(revision: Segmentation, change: Change | None) -> Iterator[tuple[str, Resource, float, str, Resource]]:
    """Name, code, value, unit and what else belongs to each."""
    measured = revision.measurement
    lung = {"bodySite": _concept(SNOMED, *terms.LUNG)}
    yield "lung-volume", _concept(SNOMED, *terms.VOLUME), measured.lung_ml, "mL", lung
    yield "infected-volume", _own("INFECTED"), measured.infected_ml, "mL", lung
    yield "poir", _own("PoIR"), measured.poi_percent, "%", lung
    yield "severity", _own("CTSS"), float(measured.severity_score), "{score}", lung
    yield "effusion-volume", _concept(SNOMED, *terms.EFFUSION), measured.effusion_ml, "mL", {}
    for label, (code, name) in terms.LOBES.items():
        lobe = measured.details["lobes"][LobeLabel(label).name]
        site = {"bodySite": _concept(SNOMED, code, name)}
        short = LobeLabel(label).name.lower()
        yield f"{short}-volume", _concept(SNOMED, *terms.VOLUME), lobe["ml"], "mL", site
        yield f"{short}-infected", _own("INFECTED"), lobe["infected_ml"], "mL", site
        yield f"{short}-poir", _own("PoIR"), lobe["poi_percent"], "%", site
        yield f"{short}-score", _own("CTSSLOBE"), float(lobe["score"]), "{score}", site
    if change is not None and change.growth is not None:
        against = {"derivedFrom": [_reference("Observation", f"{change.before.revision}.infected-volume")]}
        interpreted = {"interpretation": [_concept(FLAGS, change.flag, change.flag)]} if change.flag else {}
        yield "growth", _own("GROWTH"), 100 * change.growth, "%", {**lung, **against, **interpreted}
        yield "growth-interval", _own("INTERVAL"), change.hours, "h", against


def _observation(
    revision: Segmentation, name: str, code: Resource, value: float, unit: str, more: Resource
) -> Resource:
    scan = revision.scan
    resource: Resource = {
        "resourceType": "Observation",
        "id": f"{revision.pk}.{name}",
        "status": "final" if revision.origin == Origin.READER else "preliminary",
        "category": [_concept(CATEGORIES, "imaging", "Imaging")],
        "code": code,
        "subject": _reference("Patient", scan.patient_id),
        "issued": revision.created_at.isoformat(),
        "valueQuantity": {"value": round(value, 3), "unit": unit, "system": UCUM, "code": unit},
        "method": {"text": f"{revision.pipeline} {revision.pipeline_version}"},
        "device": {"display": f"LungTrend, weights SHA-256 {revision.weights_sha256}"},
        "note": [{"text": note["text"]} for note in revision.measurement.notes],
        **more,
    }
    if not resource["note"]:
        del resource["note"]
    if scan.acquired_at:
        resource["effectiveDateTime"] = scan.acquired_at.isoformat()
    return resource


def bundle(kind: str, resources: Sequence[Resource], address: str, total: int | None = None) -> Resource:
    """A Bundle; `address` is that of this service."""
    entries = [
        {"fullUrl": f"{address}/{one['resourceType']}/{one['id']}", "resource": one}
        | ({"search": {"mode": "match"}} if kind == "searchset" else {})
        for one in resources
    ]
    found: Resource = {"resourceType": "Bundle", "type": kind, "entry": entries}
    if total is not None:
        found["total"] = total
    if not entries:
        del found["entry"]
    return found


def outcome(sentence: str, code: str = "invalid") -> Resource:
    """What is wrong with a request."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": code, "diagnostics": sentence}],
    }


def capability_statement(address: str, searches: dict[str, Sequence[str]]) -> Resource:
    """What this service does; `searches` are the parameters of each resource."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-21",
        "kind": "instance",
        "implementation": {"description": f"LungTrend. {settings.RESEARCH_USE_NOTICE}", "url": address},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "resource": [
                    {
                        "type": name,
                        "interaction": [{"code": "read"}, {"code": "search-type"}],
                        "searchParam": [{"name": one, "type": _parameter_type(one)} for one in parameters],
                    }
                    for name, parameters in searches.items()
                ],
            }
        ],
    }


def _parameter_type(name: str) -> str:
    return {"patient": "reference", "name": "string"}.get(name, "token")


def _coding(system: str, code: str, display: str) -> Resource:
    return {"system": system, "code": code, **({"display": display} if display else {})}


def _concept(system: str, code: str, display: str) -> Resource:
    return {"coding": [_coding(system, code, display)]}


def _own(code: str) -> Resource:
    return {**_concept(OWN, code, terms.OWN[code]), "text": terms.OWN[code]}


def _reference(kind: str, key: object) -> Resource:
    return {"reference": f"{kind}/{key}"}
