"""Opens every source of tools that the settings name: built-ins, modules, HTTP, OpenAPI, MCP.

What is wrong with a declaration stops the start. A server that does not answer does not: it is
tried again in the background, and shown to operators.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from gateway.background import beside
from gateway.errors import TrunklineError
from gateway.settings.tools import Tools
from gateway.toolbelt.blaming import blamed
from gateway.toolbelt.modules import ToolModules
from tools import AnyTool, Toolbox, ToolLoadError
from tools.builtin import current_time, hang_up
from tools.builtin_line import look_at, send_digits, transfer_tool
from tools.knowledge import Searching, knowledge_tools

if TYPE_CHECKING:
    from tools.memory import Notebook

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
        with blamed("tools.builtin"):
            toolbox.put("built in", _built_in(settings, parts, environ, kept))
        if kept.finder is not None and "search_knowledge" in settings.builtin:
            await parts.enter_async_context(offered(toolbox, kept.finder))
        with blamed("tools.modules"):
            modules = parts.enter_context(ToolModules(settings.modules, toolbox))
            modules.load()
        links: Sequence[ToolLink] = ()
        if settings.http or settings.openapi or settings.mcp:
            from gateway.toolbelt.servers import open_servers

            links = await parts.enter_async_context(open_servers(settings, toolbox, environ))
        if settings.reload:
            await parts.enter_async_context(beside(modules.watch(), "tool modules"))
        yield OpenTools(toolbox, tuple(links))


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
        from gateway.toolbelt.servers import seeing

        there["look_at"] = seeing(settings, parts, environ)
    if kept.notebook is not None:
        from tools.memory import memory_tools

        there |= {one.spec.name: one for one in memory_tools(kept.notebook)}
    if "run_python" in settings.builtin:
        from tools.sandbox import Cell, python_tool, why_not

        if reason := why_not():
            raise ToolLoadError(f"run_python cannot be shut in here: {reason}")
        there["run_python"] = python_tool(
            Cell(seconds=settings.python.seconds, megabytes=settings.python.megabytes)
        )
    return [there[name] for name in dict.fromkeys(settings.builtin) if name in there]


@asynccontextmanager
async def offered(toolbox: Toolbox, finder: Finder) -> AsyncIterator[None]:
    """The tool that searches documents is there while there are any, also in live calls."""

    async def renew(before: bool | None) -> bool:
        there = await finder.there()
        if there != before:
            with blamed("tools.builtin"):
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
