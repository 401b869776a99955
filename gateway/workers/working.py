"""A worker: a gateway whose connections its parent accepts, and whose shared state its parent has.

It ends as a gateway does, by signal; and in good order where its parent is gone.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from gateway import log as logs
from gateway.app import Gateway
from gateway.background import beside
from gateway.errors import TrunklineError
from gateway.private import Private
from gateway.running import loop
from gateway.running.opening import listening, open_embedded, open_gateway
from gateway.running.reloading import open_reloading
from gateway.running.serving import Orders, set_up_log, shut_down
from gateway.settings import Settings, load
from gateway.workers.elsewhere import Peers
from gateway.workers.figures import Figures
from gateway.workers.link import Ready, Told
from gateway.workers.member import Member, open_member
from gateway.workers.table import Seats, open_table

SHARED = "shared.sock"

log = logging.getLogger(__name__)


def settings_of(told: Told) -> Settings:
    """The settings as they are now; what gateways share, workers share with their parent."""
    overrides: dict[tuple[str, ...], Any]
    overrides = {(section, key): value for section, key, value in told.overrides}
    settings = load(Path(told.config) if told.config else None, overrides=overrides)
    if settings.store.redis.reveal():
        return settings
    shared = Private(f"unix://{told.folder}/{SHARED}?protocol=2")
    return settings.model_copy(
        update={"store": settings.store.model_copy(update={"redis": shared})}
    )


async def work(told: Told) -> None:
    """Take calls until told to stop."""
    read = partial(settings_of, told)
    settings, folder = read(), Path(told.folder)
    place = folder / f"w-{told.slot}.sock"
    with open_table(folder) as table, socket.socket(socket.AF_UNIX) as bound:
        async with open_member(told, partial(table.take, told.slot)) as member:
            seats = Seats(table, told.slot)
            place.unlink(missing_ok=True)
            bound.bind(str(place))
            async with open_gateway(settings, assistant=told.assistant, seats=seats) as gateway:
                figures = Figures(folder, told.slot)
                gateway.metrics.retold = figures.told
                async with (
                    listening(gateway, bound, member),
                    open_reloading(gateway, read, set_up_log) as reloading,
                    beside(figures.copy(gateway.metrics.page), "figures"),
                ):
                    await _until_over(gateway, member, Orders(reloading.order))
                gateway.metrics.page()  # kept, with what the last calls counted
            place.unlink(missing_ok=True)
            if member.lost.is_set() and not Peers(folder, told.slot).all:
                shutil.rmtree(folder, ignore_errors=True)  # who made it cannot, and we are the last


async def _until_over(gateway: Gateway, member: Member, orders: Orders) -> None:
    orders.listen()
    loop.settle()
    member.say(Ready(gateway.assistant_name, gateway.name, gateway.access.is_open))
    await _first(orders.wait(), member.lost.wait())
    if member.lost.is_set():
        log.error("the parent of the workers is gone; this one ends")
    await shut_down(gateway, patient=orders.patient)
    member.leave()


async def assist(told: Told) -> None:
    """Be the embedded assistant of all workers, until told to stop."""
    async with open_member(told) as member, open_embedded(settings_of(told), told.port) as address:
        orders = Orders(lambda: None)
        orders.listen()
        loop.settle()
        member.say(Ready(address))
        await _first(orders.wait(), member.lost.wait())


async def _first(*waits: object) -> None:
    tasks = [asyncio.ensure_future(one) for one in waits]  # type: ignore[call-overload]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def run() -> int:
    """The process, from its beginning to its end; gives its status."""
    told = msgspec.json.decode(sys.argv[1], type=Told)
    try:
        settings = settings_of(told)
        logs.setup(settings.log.format, settings.log.level)
        loop.run(work(told) if told.role == "worker" else assist(told))
    except TrunklineError as error:
        sys.stderr.write(f"trunkline: {error}\n")
        return 2
    except asyncio.CancelledError:
        return 130  # told twice to stop: at once
    return 0
