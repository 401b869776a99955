"""Serving: from the settings to a gateway that listens, until the process is told to stop.

SIGTERM lets live calls come to their end, SIGINT does not wait for it; either, told twice, ends at
once. SIGHUP reads the settings again.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable

from gateway import log as logs
from gateway.announcements import going_down
from gateway.app import Gateway
from gateway.running.listening import listen
from gateway.running.loop import settle
from gateway.running.opening import listening, open_gateway
from gateway.running.reloading import open_reloading
from gateway.settings import Settings

log = logging.getLogger(__name__)

ANY_KEY = "no token is set up: any key that a client shows is taken, from this machine alone"


class Orders:
    """What signals have ordered."""

    def __init__(self, again: Callable[[], None]) -> None:
        self._again = again
        self._told = asyncio.Event()
        self.patient = True  # whether calls may come to their own end
        self._me = asyncio.current_task()

    def listen(self) -> None:
        """Take signals from here on."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._again)

    async def wait(self) -> None:
        """Until the process is told to stop."""
        await self._told.wait()

    def _stop(self, number: int) -> None:
        if self._told.is_set() and self._me is not None:
            log.warning("told twice to stop: ends at once")
            self._me.cancel()
        self.patient = self.patient and number == signal.SIGTERM
        self._told.set()


def set_up_log(settings: Settings) -> None:
    """Write the log as the settings want it."""
    logs.setup(settings.log.format, settings.log.level, policy=settings.privacy.redaction())


async def serve(settings: Settings, read: Callable[[], Settings] | None = None) -> None:
    """Listen until told to stop. `read` gives the settings as they are by then."""
    with listen(settings.server.host, settings.server.port) as bound:
        async with (
            open_gateway(settings) as gateway,
            listening(gateway, bound) as address,
            open_reloading(gateway, read or (lambda: settings), set_up_log) as reloading,
        ):
            orders = Orders(reloading.order)
            orders.listen()
            settle()
            log.info("ready", extra={"address": address, "assistant": gateway.assistant_name})
            if gateway.access.is_open:
                log.info(ANY_KEY)
            await orders.wait()
            await shut_down(gateway, patient=orders.patient)


async def shut_down(gateway: Gateway, *, patient: bool = True) -> None:
    """Let no call in, let live ones end, say goodbye to those that do not."""
    board, chosen = gateway.switchboard, gateway.settings.shutdown
    seconds = chosen.finish_s if patient else 0.0
    log.info("stopping", extra={"calls": board.statistics().live, "seconds": seconds})
    if await board.finish(seconds):
        return
    log.info("callers are told that it ends", extra={"calls": board.statistics().live})
    await board.drain(chosen.goodbye_s, lambda plan: going_down(plan.format))
