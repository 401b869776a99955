"""A gateway inside this process for a sample caller to call, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

from gateway.app import Gateway, listening, open_gateway
from gateway.clock import VirtualClockLoop
from gateway.listening import listen
from gateway.rehearsal.caller import CallError
from gateway.settings import Settings
from tools import Result, Tool, Toolbox, ToolContext, ToolDefinitionError, ToolLoadError


@dataclass(frozen=True, slots=True)
class House:
    """An open gateway."""

    url: str  # of the browser's socket
    gateway: Gateway


@asynccontextmanager
async def open_house(
    settings: Settings,
    tools: Iterable[Tool[..., Any]] = (),
    *,
    host: str = "127.0.0.1",
    port: int = 0,
) -> AsyncIterator[House]:
    """Open a gateway as the settings say, with more tools, on a free port. TrunklineError."""
    try:
        with listen(host, port) as bound:
            async with open_gateway(settings) as gateway:
                toolbox = _with(gateway.toolbox, tools)
                ours = replace(gateway, toolbox=cast(Toolbox, toolbox))
                async with listening(ours, bound) as base:
                    yield House(base.replace("http", "ws", 1) + "/browser", ours)
    except (ToolLoadError, ToolDefinitionError) as error:
        raise CallError(str(error)) from error


def furnish(settings: Settings, modules: Iterable[str], instructions: str = "") -> Settings:
    """The settings with more tool modules, and with instructions where some are given."""
    mine = settings.tools.modules
    more = tuple(module for module in dict.fromkeys(modules) if module not in mine)
    tools = settings.tools.model_copy(update={"modules": mine + more})
    told = instructions or settings.assistant.instructions
    assistant = settings.assistant.model_copy(update={"instructions": told})
    return settings.model_copy(update={"tools": tools, "assistant": assistant})


def _with(toolbox: Toolbox, tools: Iterable[Tool[..., Any]]) -> Toolbox | _StillToolbox:
    """The same toolbox, or one with those tools besides; its clean-up stays with the first."""
    if more := tuple(tools):
        toolbox = Toolbox((*toolbox.tools, *more))
    return _StillToolbox(toolbox) if _virtual() is not None else toolbox


def _virtual() -> VirtualClockLoop | None:
    loop = asyncio.get_running_loop()
    return loop if isinstance(loop, VirtualClockLoop) else None


class _StillToolbox:
    """A toolbox for a virtual clock, which cannot see a tool's thread: it stands still for it."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox
        self._in_threads = {item.name for item in toolbox.tools if not item.is_async}
        self.tools = toolbox.tools
        self.specs = toolbox.specs

    async def run(
        self, name: str, arguments_json: str, context: ToolContext | None = None
    ) -> Result:
        """As the toolbox does."""
        loop = _virtual()
        if loop is None or name not in self._in_threads:
            return await self._toolbox.run(name, arguments_json, context)
        with loop.hold():
            return await self._toolbox.run(name, arguments_json, context)
