"""Courses of disease for demo patients and tests: when they are scanned and how much is infected then."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from inference.errors import BadConfiguration
from inference.phantom.patient import Acquisition, PhantomPatient, SyntheticScan


@dataclass(frozen=True, slots=True)
class Visit:
    """One scan: hours after the first, true infected volume, depth of breath."""

    hours: float
    infected_ml: float
    inspiration: float = 1.0
    effusion_ml: float = 0.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """A course and what it shows."""

    name: str
    text: str
    visits: tuple[Visit, ...]


SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "growing",
            "More than 50 % within 48 hours, though no two neighbouring scans show it.",
            (Visit(0, 90), Visit(22, 118), Visit(44, 165), Visit(118, 210, effusion_ml=40)),
        ),
        Scenario("stable", "Changes within what measurement allows.", (Visit(0, 140), Visit(46, 148), Visit(96, 138))),
        Scenario("resolving", "Falls steadily.", (Visit(0, 260), Visit(72, 170), Visit(168, 80))),
        Scenario("onset", "Healthy, and infected 36 hours later.", (Visit(0, 0), Visit(36, 60))),
        Scenario("new", "A single scan.", (Visit(0, 110),)),
    )
}


def scenario_named(name: str) -> Scenario:
    """One course.

    Raises:
        BadConfiguration: there is none of this name.
    """
    if name not in SCENARIOS:
        raise BadConfiguration(f"There is no scenario {name}; choose one of {', '.join(SCENARIOS)}.")
    return SCENARIOS[name]


def scans_of(scenario: Scenario, *, seed: int, acquisition: Acquisition) -> Iterator[tuple[Visit, SyntheticScan]]:
    """The scans of a course, one at a time; `acquisition` gives size and noise."""
    patient = PhantomPatient(seed)
    for number, visit in enumerate(scenario.visits):
        yield (
            visit,
            patient.scan(
                replace(
                    acquisition,
                    infected_ml=visit.infected_ml,
                    effusion_ml=visit.effusion_ml,
                    inspiration=visit.inspiration,
                    noise_seed=100 * seed + number,
                )
            ),
        )
