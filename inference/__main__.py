"""`python -m inference`."""

import sys
import traceback
from types import TracebackType

from inference.cli import main


def say_plainly(kind: type[BaseException], fault: BaseException, trace: TracebackType | None) -> None:
    """What nobody foresaw: the trace for the log, and a last line for people. Python then ends with status 1."""
    traceback.print_exception(kind, fault, trace)
    print(f"The analysis stopped because of an unexpected fault ({kind.__name__}: {fault}).", file=sys.stderr)


if __name__ == "__main__":
    sys.excepthook = say_plainly
    sys.exit(main())
