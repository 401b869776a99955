"""Reloading: gives a gateway other settings while it runs.

New calls get the new settings; live ones keep what they began with, their tools until they end.
What does not pass changes nothing: the old settings stay in force, and the log says why.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from gateway.admission.access import open_access
from gateway.app import Gateway
from gateway.assistants.target import Target
from gateway.background import beside
from gateway.errors import TrunklineError
from gateway.identity.who import OPERATOR
from gateway.plans.planning import Planner, target_of
from gateway.running.holding import Held, hold
from gateway.running.opening import open_embedded
from gateway.running.policies import changed, digest
from gateway.settings import Settings
from gateway.settings.needs import needs_embedded
from gateway.toolbelt.sources import OpenTools, open_tools

log = logging.getLogger(__name__)

RELOAD = replace(OPERATOR, credential="reload")
SETTLED = 1.0  # seconds after which a call that was being let in is live
# What is opened once, when the gateway starts; the old values stay until it is started again.
FIXED: dict[str, tuple[str, ...]] = {
    "server": ("host", "port", "public_url", "trusted_proxies", "workers"),
    "store": (),
    "bridges": (),
    "taps": (),
}


class Reloading:
    """One gateway's settings, read again on order."""

    def __init__(
        self,
        gateway: Gateway,
        read: Callable[[], Settings],
        taken: Callable[[Settings], None] = lambda settings: None,
    ) -> None:
        self._gateway = gateway
        self._read = read
        self._taken = taken  # is told what is in force from now on
        self._tools: Held[OpenTools] | None = None  # since the last time
        self._parts = AsyncExitStack()  # what stays open as long as the gateway
        self._ordered = asyncio.Event()
        self._retiring: set[asyncio.Task[None]] = set()

    def order(self) -> None:
        """Soon."""
        self._ordered.set()

    async def run(self) -> None:
        """Reload whenever it is ordered, until cancelled."""
        while True:
            await self._ordered.wait()
            self._ordered.clear()
            await self.reload()

    async def reload(self) -> bool:
        """Read the settings again, and take them into use; false where they do not pass."""
        gateway = self._gateway
        try:
            wanted = self._read()
            settings, kept = _with_fixed(wanted, gateway.settings)
            differing = list(changed(gateway.settings, settings))
            await self._take(settings)
        except (TrunklineError, OSError) as error:
            said = {"why": str(error)}
            log.error("the settings are not reloaded, and the old ones stay in force", extra=said)
            return False
        self._taken(settings)
        versions = {"policy": digest(settings), "rules": settings.guard.rules.label}
        gateway.access.note("policy_changed", RELOAD, keys=differing, **versions)
        log.info("the settings are reloaded; new calls get them")
        if kept:
            log.warning("some settings wait for the next start", extra={"keys": ", ".join(kept)})
        return True

    async def _take(self, settings: Settings) -> None:
        gateway = self._gateway
        kept = gateway.standing.kept(settings)
        tools = await hold(open_tools(settings.tools, kept=kept), "tools")
        try:
            embedded = gateway.embedded
            if needs_embedded(settings) and not embedded:
                embedded = (await self._keep_embedded(settings)).value
            target = _target(settings, embedded)
            planner = Planner(settings, target, embedded)
            planner.check()
            planner.warn()
            await gateway.checker.prepare(settings.guard.rules)
            access = await hold(open_access(settings, gateway.store), "access")
        except BaseException:
            await tools.close()
            raise
        self._parts.push_async_callback(access.close)
        gateway.access.take(access.value)
        before, self._tools = self._tools, tools
        gateway.settings, gateway.target, gateway.embedded = settings, target, embedded
        gateway.toolbox, gateway.links = tools.value.toolbox, tools.value.links
        gateway.switchboard.max_calls = settings.server.max_calls
        if gateway.budgets is not None:
            gateway.budgets.take(settings)
        if gateway.pressure is not None:
            gateway.pressure.limits = settings.limits
        if before is not None:
            task = asyncio.create_task(self._retire(before), name="old tools")
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def _keep_embedded(self, settings: Settings) -> Held[str]:
        embedded = await hold(open_embedded(settings), "embedded assistant")
        self._parts.push_async_callback(embedded.close)
        return embedded

    async def _retire(self, tools: Held[OpenTools]) -> None:
        """Close tools once the calls that were live when others took their place have ended."""
        board = self._gateway.switchboard
        await asyncio.sleep(SETTLED)
        await board.wait_ended(board.sessions)
        await tools.close()

    async def close(self) -> None:
        """The gateway ends."""
        for task in tuple(self._retiring):
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        if self._tools is not None:
            await self._tools.close()
        await self._parts.aclose()


def _with_fixed(wanted: Settings, now: Settings) -> tuple[Settings, list[str]]:
    """The settings that are wanted, but for what is fixed; and the keys of that which differ."""
    kept: list[str] = []
    sections: dict[str, object] = {}
    for name, keys in FIXED.items():
        old, new = getattr(now, name), getattr(wanted, name)
        fixed = {key: getattr(old, key) for key in keys or type(old).model_fields}
        kept += [f"{name}.{key}" for key, value in fixed.items() if getattr(new, key) != value]
        sections[name] = new.model_copy(update=fixed)
    return wanted.model_copy(update=sections), kept


def _target(settings: Settings, embedded: str) -> Target:
    target = target_of(settings.assistant)
    if target.kind == "embedded" and not target.base_url:
        target = replace(target, base_url=embedded)
    return target


@asynccontextmanager
async def open_reloading(
    gateway: Gateway, read: Callable[[], Settings], taken: Callable[[Settings], None]
) -> AsyncIterator[Reloading]:
    """It waits for orders."""
    reloading = Reloading(gateway, read, taken)
    try:
        async with beside(reloading.run(), "reloading"):
            yield reloading
    finally:
        await reloading.close()
