"""Tied: a gateway of a load test's own, which ends when the test is gone, however that went."""

from __future__ import annotations

import os
import signal
from threading import Thread


def tie() -> None:
    """Have this process told to stop once its standard input is over."""
    Thread(target=_wait_for_the_end, name="tie", daemon=True).start()


def _wait_for_the_end() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
