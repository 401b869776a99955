"""Tools of MCP servers: connected in the background, connected again when they die.

Each server has a task of its own, in which its session begins and ends; cancel scopes of the SDK
never cross it. What a server offers is put into the toolbox, now and whenever it changes.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import re
from collections.abc import AsyncIterator, Callable, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import anyio
import mcp_types as types
from mcp import Client, MCPError

from tools.context import ToolContext, ToolError
from tools.foreign_schema import Checker, fit
from tools.mcp_results import output
from tools.mcp_session import listed, listening, reason_of
from tools.mcp_wire import McpServer, transport
from tools.policy import Policy
from tools.spec import RESERVED, ToolDefinitionError, ToolSpec
from tools.toolbox import Toolbox

State = Literal["starting", "ready", "down"]

STARTING = 20.0  # seconds until a server must have said which tools it has
POLL = 30.0  # seconds between two looks at a server that nobody calls
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0  # seconds before it is connected again
STEADY = 60.0  # seconds after which a server that dies has a clean slate
LONGEST_DESCRIPTION = 1024
AWAY = "The server of this tool is not connected at the moment. Tell the caller so."

log = logging.getLogger(__name__)


class McpFailure(Exception):
    """A server failed a call, or went away during it."""


@dataclass(frozen=True, slots=True)
class Status:
    """How a server is, for operators."""

    name: str
    state: State
    tools: int = 0
    reason: str = ""  # why it is not ready


@dataclass(frozen=True, slots=True, eq=False)
class McpTool:
    """One tool of a server."""

    spec: ToolSpec
    policy: Policy
    wire: str  # its name there
    checker: Checker
    call: Callable[[str, dict[str, Any], ToolContext], Any] = field(repr=False)

    async def run(self, arguments_json: str, context: ToolContext) -> Any:
        """What the server answered."""
        return output(await self.call(self.wire, self.checker.read(arguments_json), context))

    def same(self, other: McpTool | None) -> bool:
        """Whether the model would see no difference."""
        return other is not None and (self.spec, self.policy) == (other.spec, other.policy)


class McpLink:
    """The connection to one server, for as long as the gateway lives."""

    def __init__(
        self,
        server: McpServer,
        toolbox: Toolbox,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.server = server
        self.settled = asyncio.Event()  # it is ready, or its first start has failed
        self._toolbox = toolbox
        self._chance = chance
        self._status = Status(server.name, "starting")
        self._tools: dict[str, McpTool] = {}  # by their names on the wire
        self._client: Client | None = None
        self._scope: anyio.CancelScope | None = None
        self._gone = False
        self._stopped = asyncio.Event()
        self._wake = asyncio.Event()

    @property
    def status(self) -> Status:
        return self._status

    async def run(self) -> None:
        """Keep the server connected until `stop`."""
        pause, loop = FIRST_PAUSE, asyncio.get_running_loop()
        while not self._stopped.is_set():
            began = loop.time()
            reason = await self._lived()
            self._client = None
            if self._stopped.is_set():
                break
            self._status = Status(self.server.name, "down", len(self._tools), reason)
            log.warning(
                "an MCP server is down and will be tried again",
                extra={"server": self.server.name, "reason": reason, "seconds": round(pause, 1)},
            )
            self.settled.set()
            if loop.time() - began > STEADY:
                pause = FIRST_PAUSE
            self._wake.clear()  # calls that fail now do not hurry it
            await self._rest(0 if self._stopped.is_set() else pause * (0.5 + self._chance() / 2))
            pause = min(pause * 2, LONGEST_PAUSE)

    def stop(self) -> None:
        """Let `run` return, soon."""
        self._stopped.set()
        self._wake.set()
        if self._scope is not None:
            self._scope.cancel()

    async def call(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Any:
        """One call of one tool; once, whatever happens. Raises ToolError, McpFailure."""
        client = self._client
        if client is None:
            raise ToolError(AWAY)

        async def told(progress: float, total: float | None, message: str | None) -> None:
            share = progress / total if total and 0 <= progress <= total else None
            context.progress(message or "", share)

        meta: Any = {"trunkline/idempotency-key": context.key} if context.key else None
        try:
            return await client.call_tool(
                name,
                arguments,
                read_timeout_seconds=self.server.timeout,
                progress_callback=told,
                meta=meta,
            )
        except MCPError as error:
            self._wake.set()  # is it still there?
            if error.error.code in (types.INVALID_PARAMS, types.METHOD_NOT_FOUND):
                raise ToolError(f"The server refused: {error.error.message[:300]}") from error
            raise McpFailure(f"code {error.error.code}") from error
        except (anyio.ClosedResourceError, anyio.BrokenResourceError) as error:
            self._wake.set()
            raise McpFailure("the connection was lost") from error

    # ------------------------------------------------------------ one life of a session

    async def _lived(self) -> str:
        """Connect, and stay so until the server is gone; says why it went."""
        self._gone = False
        deadline = anyio.current_time() + STARTING
        try:
            with anyio.CancelScope(deadline=deadline) as self._scope:
                ways = transport(self.server, self._lost, lambda: self._client is not None)
                client = Client(ways, message_handler=self._noticed)
                async with client, listening(client, self._wake):
                    await self._refresh(client)
                    self._scope.deadline = math.inf
                    self._client = client
                    self._status = Status(self.server.name, "ready", len(self._tools))
                    self.settled.set()
                    log.info("an MCP server is ready", extra=self._fields())
                    await self._watch(client)
        except Exception as error:
            return reason_of(error)
        finally:
            self._client = None
        return f"it did not answer within {STARTING:g} s" if not self._gone else "it went away"

    async def _watch(self, client: Client) -> None:
        while True:
            await self._rest(POLL)
            if self._gone or self._stopped.is_set():
                return
            with anyio.fail_after(STARTING):
                await self._refresh(client)

    async def _rest(self, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            await self._wake.wait()
        self._wake.clear()

    async def _noticed(self, message: Any) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._wake.set()

    def _lost(self) -> None:
        self._gone = True
        self._client = None  # whoever calls from now on is told so at once
        if self._status.state == "ready":
            self._status = replace(self._status, state="down", reason="it went away")
        self._wake.set()

    # ------------------------------------------------------------ its tools

    async def _refresh(self, client: Client) -> None:
        """Put what the server offers now into the toolbox."""
        found: dict[str, McpTool] = {}
        for one in await listed(client):
            if not _named(one.name, self.server.tools):
                continue
            try:
                made = self._tool(one, {tool.spec.name for tool in found.values()})
            except (ToolDefinitionError, ValueError) as error:
                log.warning(
                    "an MCP tool is left out", extra={**self._fields(), "reason": str(error)}
                )
                continue
            before = self._tools.get(one.name)
            found[one.name] = before if before is not None and made.same(before) else made
        for name in sorted(set(self.server.tools) - {"*", *found}):
            log.warning("an MCP server has no such tool", extra={**self._fields(), "tool": name})
        self._tools = found
        self._toolbox.put(f"mcp {self.server.name}", found.values())
        if self._status.state == "ready":
            self._status = Status(self.server.name, "ready", len(found))

    def _tool(self, one: types.Tool, taken: Set[str]) -> McpTool:
        name = self._free(one.name, taken)
        parameters = fit(one.input_schema, one.input_schema, name)
        hints = one.annotations
        policy = Policy(
            timeout=self.server.timeout,
            confirm=_named(one.name, self.server.confirm),
            side_effects=not (hints and hints.read_only_hint),
            idempotent=bool(hints and hints.idempotent_hint),
            price_usd=self.server.price_usd,
        )
        words = " ".join((one.description or one.title or one.name).split())
        spec = ToolSpec(name, words[:LONGEST_DESCRIPTION], parameters)
        return McpTool(spec, policy, one.name, Checker(parameters, name, patterns=False), self.call)

    def _free(self, wire: str, taken: Set[str]) -> str:
        """The name under which a tool is offered: with the server's before it where it is taken."""
        mine = {tool.spec.name for name, tool in self._tools.items() if name == wire}
        plain = _plain(self.server.prefix + wire)
        for name in (plain, _plain(f"{self.server.name}_{wire}")):
            free = name in mine or self._toolbox.find(name) is None
            if free and name not in taken and name not in RESERVED:
                return name
        raise ToolDefinitionError(f"the name {plain} is taken; give the server a prefix")

    def _fields(self) -> dict[str, Any]:
        return {"server": self.server.name}


@asynccontextmanager
async def connected(
    servers: Sequence[McpServer], toolbox: Toolbox, patience: float = 5.0
) -> AsyncIterator[tuple[McpLink, ...]]:
    """Links to all of these; waits for each to be ready or to have failed, so long at most."""
    links = tuple(McpLink(server, toolbox) for server in servers)
    tasks = [asyncio.create_task(link.run(), name=f"mcp {link.server.name}") for link in links]
    try:
        with anyio.move_on_after(patience):
            for link in links:
                await link.settled.wait()
        yield links
    finally:
        for link in links:
            link.stop()
        if tasks:
            await asyncio.wait(tasks)
        for task in tasks:
            task.result()


def _named(name: str, names: Sequence[str]) -> bool:
    return "*" in names or name in names


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:64] or "tool"
