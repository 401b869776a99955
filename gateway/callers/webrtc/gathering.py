"""Gathering: the addresses at which one connection can be reached, found without waiting long."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import Any

from aioice.candidate import Candidate, candidate_foundation, candidate_priority
from aioice.ice import Connection, StunProtocol, relayed_candidate, server_reflexive_candidate

from gateway.callers.webrtc.ice import IceSettings

log = logging.getLogger(__name__)

PATIENCE = 0.5  # seconds that STUN and TURN servers may take; what came by then is offered
HOSTS = 8  # addresses of this machine that are offered
TRIES = 100  # ports that are tried, where they are limited
LOOPBACK = "127.0.0.1"
FIELDS = ("foundation", "component", "transport", "priority", "host", "port", "type")

Factory = Callable[[], StunProtocol]


async def gather(
    connection: Connection, settings: IceSettings, addresses: list[str], factory: Factory
) -> list[Candidate]:
    """Sockets at these addresses, within the ports that are set, and what servers say of them."""
    hosts = [] if settings.relay_only else addresses[:HOSTS]
    if settings.loopback and not settings.relay_only:
        hosts = [*hosts, LOOPBACK]
    bound = [await _bind(address, settings, factory) for address in hosts]
    protocols = [protocol for protocol in bound if protocol is not None]
    connection._protocols += protocols
    found = [protocol.local_candidate for protocol in protocols]
    tasks = _questions(connection, settings, protocols, factory)
    return found + await _answers(connection, tasks) if tasks else found


def announced(candidates: list[Candidate], settings: IceSettings) -> list[Candidate]:
    """What callers are told: beside our own addresses the one that a router shows for us."""
    public = settings.public_address
    seen = [
        Candidate(**{name: getattr(c, name) for name in FIELDS} | {"host": public})
        for c in candidates
        if public and c.type == "host" and "." in c.host and c.host != LOOPBACK
    ]
    return seen + candidates


def _questions(
    connection: Connection, settings: IceSettings, protocols: list[StunProtocol], factory: Factory
) -> list[asyncio.Task[tuple[Candidate, Any]]]:
    tasks: list[asyncio.Task[tuple[Candidate, Any]]] = []
    if connection.stun_server is not None:
        tasks += [
            asyncio.create_task(server_reflexive_candidate(protocol, connection.stun_server))
            for protocol in protocols
            if "." in protocol.local_candidate.host and protocol.local_candidate.host != LOOPBACK
        ]
    if connection.turn_server is not None:
        relayed = relayed_candidate(
            component=1,
            hide_related_address=settings.relay_only,
            protocol_factory=factory,
            turn_server=connection.turn_server,
            turn_username=connection.turn_username,
            turn_password=connection.turn_password,
            turn_ssl=connection.turn_ssl,
            turn_transport=connection.turn_transport,
        )
        tasks.append(asyncio.create_task(relayed))
    return tasks


async def _answers(
    connection: Connection, tasks: list[asyncio.Task[tuple[Candidate, Any]]]
) -> list[Candidate]:
    done, pending = await asyncio.wait(tasks, timeout=PATIENCE)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    if pending:
        log.warning("a STUN or TURN server did not answer in time")
    found: list[Candidate] = []
    for task in done:
        if (error := task.exception()) is not None:
            log.warning("a STUN or TURN server failed", extra={"error": str(error)})
            continue
        candidate, protocol = task.result()
        found.append(candidate)
        if protocol is not None:
            connection._protocols.append(protocol)
    return found


async def _bind(address: str, settings: IceSettings, factory: Factory) -> StunProtocol | None:
    loop = asyncio.get_running_loop()
    for port in _ports(settings):
        try:
            _, protocol = await loop.create_datagram_endpoint(factory, local_addr=(address, port))
        except OSError:
            continue
        host, bound = protocol.transport.get_extra_info("sockname")[:2]
        # Loopback is the last resort: it leads nowhere but to this machine.
        protocol.local_candidate = Candidate(
            foundation=candidate_foundation("host", "udp", host),
            component=1,
            transport="udp",
            priority=candidate_priority(1, "host") - (1 << 20 if host == LOOPBACK else 0),
            host=host,
            port=bound,
            type="host",
        )
        return protocol
    return None


def _ports(settings: IceSettings) -> list[int]:
    """Those that are tried, from anywhere in the range on."""
    if settings.ports is None:
        return [0]
    first, last = settings.ports
    start = secrets.randbelow(last - first + 1)
    ports = list(range(first, last + 1))
    return (ports[start:] + ports[:start])[:TRIES]
