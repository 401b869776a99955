"""Opens the tools that live on servers: HTTP, OpenAPI, MCP, and models that see.

What reads their schemas and speaks to them takes memory and a moment to load: only gateways that
have such tools do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.errors import SettingsError
from gateway.settings.tools import Tools
from gateway.settings.toolsources import HttpTool, Mcp, Network, OpenApi
from gateway.toolbelt.blaming import blamed
from tools import AnyTool, Toolbox, ToolLoadError
from tools.addresses import Reach
from tools.http import declared, http_tool
from tools.http_client import HttpClient, HttpPolicy
from tools.loading_http import filled, filled_table, load_document
from tools.vision import seeing_tool

if TYPE_CHECKING:
    from tools.mcp import McpLink
    from tools.mcp_wire import McpServer


@asynccontextmanager
async def open_servers(
    settings: Tools, toolbox: Toolbox, environ: Mapping[str, str]
) -> AsyncIterator[Sequence[McpLink]]:
    """Their tools are in the toolbox. Raises SettingsError that names the key and the reason."""
    async with AsyncExitStack() as parts:
        if settings.http or settings.openapi:
            with blamed("tools.network"):
                reach = Reach.of(settings.network.allow, settings.network.networks)
            # A virtual clock stands still while a server is waited for.
            waiting = HttpClient(reach, around=lambda: toolbox.threads.around())
            client = await parts.enter_async_context(waiting)
            _put_http(settings, toolbox, client, environ)
            await _put_openapi(settings, toolbox, client, environ)
        links: Sequence[McpLink] = ()
        if servers := _servers(settings, environ):
            links = await parts.enter_async_context(_connected(servers, toolbox))
        yield links


def seeing(settings: Tools, parts: AsyncExitStack, environ: Mapping[str, str]) -> AnyTool:
    """The tool that looks at pictures with the model that the settings name."""
    vision = settings.vision
    client = HttpClient(Reach.of([vision.url], settings.network.networks))
    parts.push_async_callback(client.close)
    limits = replace(_limits(settings.network), timeout=vision.timeout_s)
    key = filled(vision.key, environ, "vision.key")
    return seeing_tool(client, limits, vision.url, vision.model, key)


# ---------------------------------------------------------------- HTTP


def _put_http(
    settings: Tools, toolbox: Toolbox, client: HttpClient, environ: Mapping[str, str]
) -> None:
    made: list[AnyTool] = []
    for one in settings.http:
        key = f"tools.http, {one.name}"
        with blamed(key):
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
        with blamed("tools.openapi"):
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
        with blamed(f"tools.mcp, {one.name}"):
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
