"""How far an analysis is: stages, one overall per cent, and the seconds each stage took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

#: What a step calls with the share of its own work that is done, 0..1.
OnProgress = Callable[[float], None]


class Stage(StrEnum):
    """The stages of one analysis, in the order in which they run."""

    READING = "reading"
    LUNGS = "lungs"
    LOBES = "lobes"
    INFECTION = "infection"
    MEASURING = "measuring"
    WRITING = "writing"


#: Share of the whole that each stage takes on a CPU, in per cent; only the bar's evenness depends on it.
SHARES_PERCENT = {
    Stage.READING: 15.0,
    Stage.LUNGS: 40.0,
    Stage.LOBES: 10.0,
    Stage.INFECTION: 25.0,
    Stage.MEASURING: 4.0,
    Stage.WRITING: 6.0,
}


def ignore_progress(_fraction: float) -> None:
    """For callers who do not ask how far it is."""


class Progress:
    """Overall progress of one analysis, never falling, and the time of every stage.

    `report` is called with the stage and the overall per cent, 0..100.
    """

    def __init__(self, report: Callable[[Stage, float], None] | None = None) -> None:
        self.timings_s: dict[str, float] = {}
        self._report = report
        self._percent = 0.0

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[OnProgress]:
        """Run one stage: hands out what the stage's steps call with their own share, 0..1."""
        order = list(Stage)
        before_percent = sum(SHARES_PERCENT[earlier] for earlier in order[: order.index(stage)])

        def advance(fraction: float) -> None:
            overall = before_percent + SHARES_PERCENT[stage] * min(max(fraction, 0.0), 1.0)
            self._percent = max(self._percent, overall)
            if self._report is not None:
                self._report(stage, self._percent)

        started = time.perf_counter()
        advance(0.0)
        yield advance
        advance(1.0)
        self.timings_s[stage] = round(time.perf_counter() - started, 3)


def part_of(on_progress: OnProgress, start: float, end: float) -> OnProgress:
    """What a sub-step calls so that its own 0..1 becomes `start`..`end` of the step around it."""

    def advance(fraction: float) -> None:
        on_progress(start + (end - start) * fraction)

    return advance
