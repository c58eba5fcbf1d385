"""Patients, studies, reports and measurements as FHIR R4, to be pulled by REST and pushed when a flag opens."""
