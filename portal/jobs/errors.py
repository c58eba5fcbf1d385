"""Refusals concerning jobs, each one sentence for the person who asked."""


class JobRefused(Exception):
    """The job is not in a state that allows this."""


class UnknownPipelineName(JobRefused):
    """No pipeline has this name."""
