"""Opens every source of tools that the settings name: built-ins, modules, HTTP, OpenAPI, MCP.

What is wrong with a declaration stops the start. A server that does not answer does not: it is
tried again in the background, and shown to operators.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from gateway.background import beside
from gateway.errors import SettingsError, TrunklineError
from gateway.settings.tools import Tools
from gateway.settings.toolsources import HttpTool, Mcp, Network, OpenApi
from gateway.toolbelt.modules import ToolModules
from tools import AnyTool, Toolbox, ToolDefinitionError, ToolLoadError
from tools.addresses import Reach
from tools.builtin import current_time, hang_up
from tools.builtin_line import look_at, send_digits, transfer_tool
from tools.http import declared, http_tool
from tools.http_client import HttpClient, HttpPolicy
from tools.knowledge import Searching, knowledge_tools
from tools.loading_http import filled, filled_table, load_document
from tools.memory import Notebook, memory_tools
from tools.sandbox import Cell, python_tool, why_not
from tools.vision import seeing_tool

if TYPE_CHECKING:
    from tools.mcp import McpLink
    from tools.mcp_wire import McpServer

NEEDS = {
    "transfer": "transfer",
}


log = logging.getLogger(__name__)

LOOK = 2.0  # seconds between two looks whether there are documents


class ToolStatus(Protocol):
    """How a server of tools is: a dataclass, to be shown as JSON."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def tools(self) -> int: ...
    @property
    def reason(self) -> str:
        """Why it is not ready."""
        ...


class ToolLink(Protocol):
    """The connection to a server of tools."""

    @property
    def status(self) -> ToolStatus:
        """How it is now."""
        ...


@dataclass(frozen=True, slots=True)
class OpenTools:
    """The tools of a gateway, and the links to the servers that some of them live on."""

    toolbox: Toolbox
    links: tuple[ToolLink, ...] = ()


class Finder(Searching, Protocol):
    """Documents to search, of which there may be none now."""

    async def there(self) -> bool:
        """Whether there is anything to search."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """What some of the built-in tools read and keep, where the gateway has it."""

    notebook: Notebook | None = None
    finder: Finder | None = None


NOTHING = Kept()


@asynccontextmanager
async def open_tools(
    settings: Tools, environ: Mapping[str, str] = os.environ, *, kept: Kept = NOTHING
) -> AsyncIterator[OpenTools]:
    """Everything under [tools]. Raises SettingsError that names the key and the reason."""
    async with AsyncExitStack() as parts:
        toolbox = parts.enter_context(Toolbox())
        with _blamed("tools.builtin"):
            toolbox.put("built in", _built_in(settings, parts, environ, kept))
        if kept.finder is not None and "search_knowledge" in settings.builtin:
            await parts.enter_async_context(offered(toolbox, kept.finder))
        with _blamed("tools.modules"):
            modules = parts.enter_context(ToolModules(settings.modules, toolbox))
            modules.load()
        if settings.http or settings.openapi:
            with _blamed("tools.network"):
                reach = Reach.of(settings.network.allow, settings.network.networks)
            # A virtual clock stands still while a server is waited for.
            waiting = HttpClient(reach, around=lambda: toolbox.threads.around())
            client = await parts.enter_async_context(waiting)
            _put_http(settings, toolbox, client, environ)
            await _put_openapi(settings, toolbox, client, environ)
        links: tuple[ToolLink, ...] = ()
        if servers := _servers(settings, environ):
            links = await parts.enter_async_context(_connected(servers, toolbox))
        if settings.reload:
            await parts.enter_async_context(beside(modules.watch(), "tool modules"))
        yield OpenTools(toolbox, links)


@contextmanager
def _blamed(key: str) -> Iterator[None]:
    """What is wrong within is the fault of that key."""
    try:
        yield
    except (ToolLoadError, ToolDefinitionError, ValueError) as error:
        raise SettingsError(f"{key}: {error}") from error


# ---------------------------------------------------------------- our own


def _built_in(
    settings: Tools, parts: AsyncExitStack, environ: Mapping[str, str], kept: Kept
) -> list[AnyTool]:
    asked = "builtin" in settings.model_fields_set
    for name in settings.builtin if asked else ():
        if (key := NEEDS.get(name)) and not getattr(settings, key):
            raise ToolLoadError(
                f"{name} needs tools.{key}, which is empty; set it, or leave it out"
            )
    there: dict[str, AnyTool] = {
        **{"current_time": current_time, "hang_up": hang_up},
        **{"send_digits": send_digits, "look_at": look_at},
    }
    if settings.transfer:
        there["transfer"] = transfer_tool(settings.transfer)
    if settings.vision.url and "look_at" in settings.builtin:
        there["look_at"] = _seeing(settings, parts, environ)
    if kept.notebook is not None:
        there |= {one.spec.name: one for one in memory_tools(kept.notebook)}
    if "run_python" in settings.builtin:
        if reason := why_not():
            raise ToolLoadError(f"run_python cannot be shut in here: {reason}")
        there["run_python"] = python_tool(
            Cell(seconds=settings.python.seconds, megabytes=settings.python.megabytes)
        )
    return [there[name] for name in dict.fromkeys(settings.builtin) if name in there]


def _seeing(settings: Tools, parts: AsyncExitStack, environ: Mapping[str, str]) -> AnyTool:
    vision = settings.vision
    client = HttpClient(Reach.of([vision.url], settings.network.networks))
    parts.push_async_callback(client.close)
    limits = replace(_limits(settings.network), timeout=vision.timeout_s)
    key = filled(vision.key, environ, "vision.key")
    return seeing_tool(client, limits, vision.url, vision.model, key)


@asynccontextmanager
async def offered(toolbox: Toolbox, finder: Finder) -> AsyncIterator[None]:
    """The tool that searches documents is there while there are any, also in live calls."""

    async def renew(before: bool | None) -> bool:
        there = await finder.there()
        if there != before:
            with _blamed("tools.builtin"):
                toolbox.put("documents", knowledge_tools(finder) if there else ())
        return there

    async def watch() -> None:
        there = first
        while True:
            await asyncio.sleep(LOOK)
            try:
                there = await renew(there)
            except TrunklineError as error:  # the database is away, or the name is taken
                log.warning("search_knowledge stays as it was", extra={"why": str(error)})

    first = await renew(None)
    async with beside(watch(), "documents"):
        yield


# ---------------------------------------------------------------- HTTP


def _put_http(
    settings: Tools, toolbox: Toolbox, client: HttpClient, environ: Mapping[str, str]
) -> None:
    made: list[AnyTool] = []
    for one in settings.http:
        key = f"tools.http, {one.name}"
        with _blamed(key):
            made.append(_http(one, _limits(settings.network), client, environ, key))
            toolbox.put("tools.http", made)


def _http(
    one: HttpTool, limits: HttpPolicy, client: HttpClient, environ: Mapping[str, str], key: str
) -> AnyTool:
    operation = declared(
        one.name,
        one.description,
        one.method,
        one.url,
        one.parameters,
        headers=filled_table(one.headers, environ, f"{key}: headers"),
        query=filled_table(one.query, environ, f"{key}: query"),
    )
    return http_tool(
        operation,
        client,
        limits,
        secret=filled(one.secret, environ, f"{key}: secret"),
        keep=one.keep,
        idempotent=one.idempotent,
        confirm=one.confirm,
        cache=one.cache_s,
        price_usd=one.price_usd,
    )


async def _put_openapi(
    settings: Tools, toolbox: Toolbox, client: HttpClient, environ: Mapping[str, str]
) -> None:
    for one in settings.openapi:
        with _blamed("tools.openapi"):
            made = await _operations(one, _limits(settings.network), client, environ)
            toolbox.put(f"tools.openapi {one.document}", made)


async def _operations(
    one: OpenApi, limits: HttpPolicy, client: HttpClient, environ: Mapping[str, str]
) -> list[AnyTool]:
    document = await load_document(one.document, client, one.base_url)
    fixed = {
        "headers": filled_table(one.headers, environ, "headers"),
        "query": filled_table(one.query, environ, "query"),
    }
    confirmed = {made.name for made in document.operations(one.confirm)} if one.confirm else set()
    secret = filled(one.secret, environ, "secret")
    return [
        http_tool(
            *(operation, client, limits),
            secret=secret,
            confirm=operation.name in confirmed,
            price_usd=one.price_usd,
        )
        for operation in document.operations(one.operations, **fixed)
    ]


def _limits(network: Network) -> HttpPolicy:
    return replace(
        HttpPolicy(),
        timeout=network.timeout_s,
        tries=network.tries,
        limit=network.limit_kb * 1024,
        redirects=network.redirects,
    )


# ---------------------------------------------------------------- MCP


def _servers(settings: Tools, environ: Mapping[str, str]) -> list[McpServer]:
    if not settings.mcp:
        return []
    names = [one.name for one in settings.mcp]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise SettingsError(f"tools.mcp: two servers are called {min(doubled)}; rename one")
    made = []
    for one in settings.mcp:
        with _blamed(f"tools.mcp, {one.name}"):
            made.append(_server(one, settings.network, environ))
    return made


def _server(one: Mcp, network: Network, environ: Mapping[str, str]) -> McpServer:
    try:
        from tools.mcp_wire import McpServer
    except ImportError as error:
        raise ToolLoadError(
            f'the MCP SDK is not installed ({error}); python -m pip install "trunkline[mcp]"'
        ) from error
    if one.url:
        Reach.of([one.url.partition("?")[0]], network.networks)  # says what is wrong with it
    return McpServer(
        name=one.name,
        command=one.command,
        env=filled_table(one.env, environ, "env"),
        folder=one.folder,
        url=one.url,
        headers=filled_table(one.headers, environ, "headers"),
        networks=network.networks,
        tools=one.tools,
        confirm=("*",) if one.approval == "confirm" else one.confirm,
        prefix=one.prefix,
        timeout=one.timeout_s,
        price_usd=one.price_usd,
    )


@asynccontextmanager
async def _connected(
    servers: Sequence[McpServer], toolbox: Toolbox
) -> AsyncIterator[tuple[McpLink, ...]]:
    from tools.mcp import connected

    async with connected(servers, toolbox) as links:
        yield links
