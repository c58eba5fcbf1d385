"""Legal moves of an inference job, as a table. Pure: no Django, no clock."""

from enum import StrEnum


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.FAILED}),
    JobState.RUNNING: frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.QUEUED, JobState.CANCELLED}),
    JobState.FAILED: frozenset({JobState.QUEUED}),
    JobState.CANCELLED: frozenset({JobState.QUEUED}),
    JobState.SUCCEEDED: frozenset(),
}

#: States in which a job still owes a result or a reason.
OPEN_STATES = frozenset({JobState.QUEUED, JobState.RUNNING})


def may_move(before: JobState, after: JobState) -> bool:
    """Whether the table allows this move."""
    return after in MOVES[before]


def states_before(after: JobState) -> frozenset[JobState]:
    """States from which `after` may be reached, for conditional updates."""
    return frozenset(state for state, targets in MOVES.items() if after in targets)
