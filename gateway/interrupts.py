"""Ctrl-C while a command loads what it needs: the process ends at once, and says nothing.

An exception that is raised in the midst of an import may be lost in code that others wrote, and
then the command goes on as if nobody had wanted it to end.
"""

from __future__ import annotations

import os
import signal

INTERRUPTED = 130  # the status of a command that Ctrl-C has ended


def _end(number: int, frame: object) -> None:
    os._exit(INTERRUPTED)


def end_at_once() -> None:
    """From here on, where nobody has decided otherwise: nothing is at work that has to be ended."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def end_well() -> None:
    """From here on it raises KeyboardInterrupt, so that what was begun is brought to an end."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)
