"""Refusals of uploads and changes, each one sentence for the person who asked."""


class IntakeError(Exception):
    """Base: `str(error)` is the sentence."""


class FileRefused(IntakeError):
    """One file was not stored; the others are not affected."""


class IntakeRefused(IntakeError):
    """Something is missing; the upload stays open and nothing in it is lost."""


class StillArriving(IntakeRefused):
    """Files came while the upload was being completed; it can be completed again."""


class Overtaken(IntakeError):
    """Somebody else saved in the meantime; nothing of either is lost."""


class NotExportable(IntakeError):
    """This result cannot be written in this form."""


class NotAllowed(IntakeError):
    """The person's role does not include this."""
