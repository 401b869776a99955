"""Tools in Python files and modules, taken anew while calls are live when a file changes."""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from tools import Toolbox, ToolDefinitionError, ToolLoadError
from tools.loading import load_tools

LOOK = 0.5  # seconds between two looks at the files

log = logging.getLogger(__name__)

Stamp = tuple[int, int]  # when it was changed, and its size


class ToolModules:
    """The modules of a toolbox, and what they hold, such as a database."""

    def __init__(self, sources: Sequence[str], toolbox: Toolbox) -> None:
        self._sources = tuple(dict.fromkeys(sources))
        self._toolbox = toolbox
        self._held: dict[str, ExitStack] = {}
        self._stamps: dict[str, Stamp | None] = {}

    def load(self) -> None:
        """Load them all. Raises ToolLoadError, ToolDefinitionError."""
        for source in self._sources:
            self._take(source)
            self._stamps[source] = self._stamp(source)

    async def watch(self) -> None:
        """Look for changes for ever; what no longer loads keeps its old tools, and says why."""
        while True:
            await asyncio.sleep(LOOK)
            self.renew()

    def renew(self) -> None:
        """Take what has changed since the last look."""
        for source in self._sources:
            stamp = self._stamp(source)
            if stamp is None or stamp == self._stamps.get(source):
                continue
            self._stamps[source] = stamp
            try:
                self._take(source)
            except (ToolLoadError, ToolDefinitionError) as error:
                log.warning(
                    "a tool module was changed and does not load; its tools stay as they were",
                    extra={"tools": source, "reason": str(error)},
                )
            else:
                log.info("a tool module was changed and is taken anew", extra={"tools": source})

    def close(self) -> None:
        """Let go of what they hold."""
        for held in self._held.values():
            held.close()
        self._held.clear()

    def __enter__(self) -> ToolModules:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _take(self, source: str) -> None:
        """Put the module's tools in the place of those that it had; all of them, or none."""
        named = not _is_path(source)
        before = sys.modules.pop(source, None) if named and source in self._held else None
        importlib.invalidate_caches()
        with ExitStack() as held:
            try:
                self._toolbox.put(f"module {source}", load_tools(source, held))
            except (ToolLoadError, ToolDefinitionError):
                if before is not None:
                    sys.modules[source] = before
                raise
            old = self._held.pop(source, None)
            self._held[source] = held.pop_all()
        if old is not None:
            old.close()

    def _stamp(self, source: str) -> Stamp | None:
        """Nothing where the file is gone, as it is for a moment while some editors write it."""
        file = source if _is_path(source) else getattr(sys.modules.get(source), "__file__", None)
        try:
            facts = Path(file or "").stat()
        except OSError:
            return None
        return facts.st_mtime_ns, facts.st_size


def _is_path(source: str) -> bool:
    return source.endswith(".py") or "/" in source
