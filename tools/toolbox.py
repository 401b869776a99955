"""The toolbox: the tools of a call, run by name with what the model wrote, without ever raising."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import logging
import traceback
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import pydantic_core
from pydantic import ValidationError

from tools.context import ToolContext, ToolError
from tools.loading import load_tools
from tools.running import Busy, Hold, Threads
from tools.spec import Tool, ToolDefinitionError, ToolSpec

TIMEOUT = 20.0  # seconds
RESULT_LIMIT = 16 * 1024  # bytes of UTF-8
FAULTS = 3  # wrong arguments named in one answer
DONE = "done"  # what the model is told where a tool returns None

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Result:
    """What the model is told."""

    output: str
    failed: bool = False


class Toolbox:
    """Tools by name. Close it when no call needs it any more."""

    def __init__(
        self,
        tools: Iterable[Tool[..., Any]] = (),
        *,
        timeout: float = TIMEOUT,
        result_limit: int = RESULT_LIMIT,
    ) -> None:
        self._tools: dict[str, Tool[..., Any]] = {}
        self._timeout = timeout
        self._limit = result_limit
        self._threads = Threads()
        self._cleanup = ExitStack()
        for item in tools:
            self._add(item)

    @classmethod
    def load(
        cls, *sources: str | Path | ModuleType, tools: Iterable[Tool[..., Any]] = ()
    ) -> Toolbox:
        """A toolbox of these tools and of those in Python files (`desk.py`) or modules (`my.desk`).

        Raises ToolLoadError with file, line and reason; ToolDefinitionError for a name used twice.
        """
        toolbox = cls(tools)
        with ExitStack() as cleanup:
            for source in sources:
                for item in load_tools(source, cleanup):
                    toolbox._add(item)
            toolbox._cleanup = cleanup.pop_all()
        return toolbox

    @property
    def tools(self) -> tuple[Tool[..., Any], ...]:
        return tuple(self._tools.values())

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What the model is told of each tool."""
        return tuple(item.spec for item in self._tools.values())

    async def run(
        self, name: str, arguments_json: str, context: ToolContext | None = None
    ) -> Result:
        """Run a tool. Whatever goes wrong is told in the result; only a cancellation is raised."""
        context = context or ToolContext()
        item = self._tools.get(name)
        if item is None:
            return Result(self._unknown(name), failed=True)
        try:
            arguments = item.arguments.read(arguments_json.strip() or "{}")
        except ValidationError as error:
            return Result(_faults(item, error), failed=True)
        except Exception as error:  # a validator of the tool's own may raise anything
            return self._failure(item, context, error)
        return await self._answer(item, arguments, context)

    def close(self) -> None:
        """Let go of what the tools' modules hold, such as a database."""
        self._cleanup.close()

    def __enter__(self) -> Toolbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _add(self, item: Tool[..., Any]) -> None:
        if not isinstance(item, Tool):
            raise ToolDefinitionError(f"{item!r} is not a tool; decorate it with @tool")
        if self._tools.setdefault(item.name, item) is not item:
            raise ToolDefinitionError(
                f"two tools are called {item.name}; rename one, @tool(name='...')"
            )

    async def _answer(
        self, item: Tool[..., Any], arguments: dict[str, Any], context: ToolContext
    ) -> Result:
        seconds = self._timeout if item.timeout is None else item.timeout
        hold = Hold(context)
        if item.arguments.context:
            arguments[item.arguments.context] = hold.context
        try:
            async with asyncio.timeout(seconds) as limit:
                value = await self._call(item, arguments)
            return self._told(item, value)
        except ToolError as error:
            return Result(self._cut(str(error)) or "The tool failed.", failed=True)
        except Busy:
            return Result("Too many tools are running. Try again in a moment.", failed=True)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return self._failure(item, context, error)  # the tool's own, not an order to us
        except (Exception, SystemExit) as error:
            if limit.expired():
                self._note(item, context, error)
                return Result(f"The tool gave no answer within {seconds:g} seconds.", failed=True)
            return self._failure(item, context, error)
        finally:
            hold.release()

    async def _call(self, item: Tool[..., Any], arguments: dict[str, Any]) -> Any:
        if item.is_async:
            return await item.function(**arguments)
        return await self._threads.run(lambda: item.function(**arguments))

    def _told(self, item: Tool[..., Any], value: Any) -> Result:
        if value is None:
            return Result(DONE)
        if isinstance(value, str):
            output = value.encode(errors="replace").decode()
        else:
            output = pydantic_core.to_json(value, inf_nan_mode="null").decode()
        if (size := len(output.encode())) > self._limit:
            return Result(
                f"The result is too long: {size} bytes, at most {self._limit}. Ask for less.",
                failed=True,
            )
        return Result(output)

    def _failure(self, item: Tool[..., Any], context: ToolContext, error: BaseException) -> Result:
        self._note(item, context, error)
        return Result("The tool failed.", failed=True)

    def _note(self, item: Tool[..., Any], context: ToolContext, error: BaseException) -> None:
        # Never the message: it may hold what the caller said.
        frames = traceback.extract_tb(error.__traceback__)
        where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        fields = {"tool": item.name, "error": type(error).__name__, "where": where}
        log.warning("a tool failed", extra={**fields, "call_id": context.call_id})

    def _unknown(self, name: str) -> str:
        if not self._tools:
            return "There are no tools in this call."
        near = difflib.get_close_matches(name, self._tools, 1)
        if near:
            return self._cut(f"There is no tool {name[:64]!r}. Did you mean {near[0]}?")
        return self._cut(f"There is no tool {name[:64]!r}. There are: {', '.join(self._tools)}.")

    def _cut(self, text: str) -> str:
        return text.encode(errors="replace")[: self._limit].decode(errors="ignore")


def _faults(item: Tool[..., Any], error: ValidationError) -> str:
    """What is wrong with the arguments, in words that let the model do it right."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    told = [_fault(item, fault["type"], fault["loc"], fault["msg"]) for fault in faults[:FAULTS]]
    more = f" And {len(faults) - FAULTS} more." if len(faults) > FAULTS else ""
    return f"The arguments do not fit. {' '.join(told)}{more}"


def _fault(item: Tool[..., Any], kind: str, place: tuple[int | str, ...], words: str) -> str:
    where = ".".join(str(step)[:64] for step in place)
    if kind == "json_invalid":
        return f"Not valid JSON: {words.removeprefix('Invalid JSON: ')}."
    if kind == "missing":
        return f"{where} is missing."
    if kind == "extra_forbidden" and len(place) == 1:
        names = ", ".join(item.arguments.names) or "none"
        return f"There is no argument {where}; there are: {names}."
    with contextlib.suppress(IndexError):
        words = words[0].lower() + words[1:]
    return f"{where or 'arguments'}: {words[:300]}."
