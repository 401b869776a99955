"""The toolbox: the tools of a call, run by name with what the model wrote, without ever raising."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from tools.aside import aside
from tools.context import ArgumentsError, ToolContext, ToolError
from tools.guards import Guards, canonical
from tools.loading import load_tools
from tools.result import Result, told
from tools.running import Busy, Hold, Threads
from tools.spec import RESERVED, AnyTool, Tool, ToolDefinitionError, ToolSpec
from tools.watch import Watch

TIMEOUT = 20.0  # seconds
RESULT_LIMIT = 16 * 1024  # bytes of UTF-8
ARGUMENTS_LIMIT = 64 * 1024  # characters
BACK_OFF = 0.2  # seconds before the first further attempt; doubled for each that follows
RESTS = "The tool {} does not work at the moment. Tell the caller so, and offer another way."

log = logging.getLogger(__name__)


class Toolbox:
    """Tools by name. Close it when no call needs it any more.

    Tools come and go while calls are live: each source of tools `put`s the tools that it has now,
    and whoever `subscribe`d is told.
    """

    def __init__(
        self,
        tools: Iterable[AnyTool] = (),
        *,
        timeout: float = TIMEOUT,
        result_limit: int = RESULT_LIMIT,
    ) -> None:
        self.threads = Threads()
        self._tools: dict[str, AnyTool] = {}
        self._sources: dict[str, tuple[str, ...]] = {}
        self._guards: dict[str, Guards] = {}
        self._subscribers: dict[int, Callable[[], None]] = {}
        self._subscribed = 0
        self._timeout = timeout
        self._limit = result_limit
        self._watch = Watch()
        self._cleanup = ExitStack()
        self.add(*tools)

    @classmethod
    def load(cls, *sources: str | Path | ModuleType, tools: Iterable[AnyTool] = ()) -> Toolbox:
        """A toolbox of these tools and of those in Python files (`desk.py`) or modules (`my.desk`).

        Raises ToolLoadError with file, line and reason; ToolDefinitionError for a name used twice.
        """
        toolbox = cls(tools)
        with ExitStack() as cleanup:
            for source in sources:
                toolbox.add(*load_tools(source, cleanup))
            toolbox._cleanup = cleanup.pop_all()
        return toolbox

    # ------------------------------------------------------------ which tools there are

    @property
    def tools(self) -> tuple[AnyTool, ...]:
        return tuple(self._tools.values())

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What the model is told of each tool."""
        return tuple(item.spec for item in self._tools.values())

    def find(self, name: str) -> AnyTool | None:
        """The tool of that name."""
        return self._tools.get(name)

    def source(self, name: str) -> str:
        """Which source put the tool there; empty where it was added by itself."""
        return next((source for source, names in self._sources.items() if name in names), "")

    def add(self, *tools: AnyTool) -> None:
        """More tools. All of them or, where one raises ToolDefinitionError, none."""
        self._change(tools, ())

    def remove(self, *names: str) -> None:
        """Take tools away; a run that is under way goes on."""
        self._change((), names)

    def put(self, source: str, tools: Iterable[AnyTool]) -> None:
        """These are all the tools that this source has now, whatever it had before."""
        tools = tuple(tools)
        self._change(tools, self._sources.get(source, ()))
        self._sources[source] = tuple(item.spec.name for item in tools)

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Be told, on the thread that changes them, that the tools are others. Gives a way out."""
        self._subscribed += 1
        number = self._subscribed
        self._subscribers[number] = changed

        def unsubscribe() -> None:
            self._subscribers.pop(number, None)

        return unsubscribe

    def _change(self, added: Iterable[AnyTool], removed: Iterable[str]) -> None:
        left = {name: item for name, item in self._tools.items() if name not in set(removed)}
        for item in added:
            _check(item)
            if left.setdefault(item.spec.name, item) is not item:
                raise ToolDefinitionError(_taken(left[item.spec.name], item))
        same = left.keys() == self._tools.keys()
        if same and all(left[name] is item for name, item in self._tools.items()):
            return
        kept = {name for name, item in left.items() if self._tools.get(name) is item}
        self._guards = {name: guard for name, guard in self._guards.items() if name in kept}
        self._tools = left
        for changed in tuple(self._subscribers.values()):
            changed()

    # ------------------------------------------------------------ running one

    async def run(
        self, name: str, arguments_json: str, context: ToolContext | None = None
    ) -> Result:
        """Run a tool. Whatever goes wrong is told in the result; only a cancellation is raised."""
        context = context or ToolContext()
        item = self._tools.get(name)
        if item is None:
            return Result(self._unknown(name), failed=True, mend=True)
        if len(arguments_json) > ARGUMENTS_LIMIT:
            size = f"{len(arguments_json)} characters, at most {ARGUMENTS_LIMIT}"
            return Result(f"The arguments are too long: {size}.", failed=True, mend=True)
        guards = self._guards.get(name)
        if guards is None:
            guards = self._guards[name] = Guards(item.policy)
        now = asyncio.get_running_loop().time()
        # What a tool does with its context is not known: its results are kept for this call alone.
        key = f"{context.call_id if wants_context(item) else ''} {canonical(arguments_json)}"
        if item.policy.cache and (kept := guards.cache.get(key, now)) is not None:
            return kept
        if not guards.breaker.allows(now):
            return Result(RESTS.format(name), failed=True)
        result = await self._answer(item, arguments_json, context, guards)
        if not result.failed and item.policy.cache:
            guards.cache.put(key, result, asyncio.get_running_loop().time())
        return result

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

    async def _answer(
        self, item: AnyTool, arguments: str, context: ToolContext, guards: Guards
    ) -> Result:
        """One run, within its time; what it means for the breaker is noted."""
        seconds = self._timeout if item.policy.timeout is None else item.policy.timeout
        limit = self._limit if item.policy.result_limit is None else item.policy.result_limit
        hold, over = Hold(context, self.threads), False
        try:
            async with asyncio.timeout(seconds) as deadline, guards.place():
                with aside():
                    value = await self._attempts(item, arguments, hold.context)
            guards.breaker.worked()
            over = True
            return told(value, limit)
        except ToolError as error:
            guards.breaker.worked()
            words = _cut(str(error), limit) or "The tool failed."
            return Result(words, failed=True, mend=isinstance(error, ArgumentsError))
        except Busy:
            guards.breaker.undecided()
            return Result("Too many tools are running. Try again in a moment.", failed=True)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                guards.breaker.undecided()
                raise
            return self._failure(item, context, error, guards)  # the tool's own, no order to us
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # the panics of some libraries are no Exception
            said = self._failure(item, context, error, guards)
            if deadline.expired():
                return Result(f"The tool gave no answer within {seconds:g} seconds.", failed=True)
            return said
        finally:
            hold.release(cancelled=not over)

    async def _attempts(self, item: AnyTool, arguments: str, context: ToolContext) -> Any:
        name, left, pause = item.spec.name, item.policy.retries, BACK_OFF
        while True:
            try:
                return await self._watch.over(name, item.run(arguments, context))
            except (ToolError, Busy):
                raise
            except Exception as error:
                if not left:
                    raise
                log.info("a tool is tried again", extra=_fields(item, context, error))
            left -= 1
            await asyncio.sleep(pause)
            pause *= 2

    def _failure(
        self, item: AnyTool, context: ToolContext, error: BaseException, guards: Guards
    ) -> Result:
        fields = _fields(item, context, error)
        log.warning("a tool failed", extra=fields)
        if guards.breaker.failed(asyncio.get_running_loop().time()):
            log.error("a tool fails again and again, and is left alone for a while", extra=fields)
        return Result("The tool failed.", failed=True)

    def _unknown(self, name: str) -> str:
        if not self._tools:
            return "There are no tools in this call."
        import difflib  # for a model that makes up a name, and most do not

        near = difflib.get_close_matches(name, self._tools, 1)
        if near:
            return _cut(f"There is no tool {name[:64]!r}. Did you mean {near[0]}?", self._limit)
        there = ", ".join(self._tools)
        return _cut(f"There is no tool {name[:64]!r}. There are: {there}.", self._limit)


def wants_context(item: AnyTool) -> bool:
    """Whether a result may depend on the call; of what is no function of ours, nobody knows."""
    return not isinstance(item, Tool) or item.arguments.context is not None


def _check(item: AnyTool) -> None:
    if not isinstance(getattr(item, "spec", None), ToolSpec):
        raise ToolDefinitionError(f"{item!r} is not a tool; decorate it with @tool")
    if item.spec.name in RESERVED:
        raise ToolDefinitionError(
            f"{item.spec.name} is a tool of the gateway's own; rename yours, @tool(name='...')"
        )


def _taken(first: AnyTool, second: AnyTool) -> str:
    name = first.spec.name
    places = [place for place in (_home(first), _home(second)) if place]
    where = f" ({' and '.join(places)})" if places else ""
    if _home(first).startswith("tools."):
        where = f", and one of them is built in{where}"
    return f"two tools are called {name}{where}; rename one, @tool(name='...')"


def _home(item: AnyTool) -> str:
    return str(getattr(item.function, "__module__", "")) if isinstance(item, Tool) else ""


def _fields(item: AnyTool, context: ToolContext, error: BaseException) -> dict[str, str]:
    """What the operator is told of a failure. Never its words: they may hold what was said."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    fields = {"tool": item.spec.name, "error": type(error).__name__, "where": where}
    return {**fields, "call_id": context.call_id}


def _cut(text: str, limit: int) -> str:
    return text.encode(errors="replace")[:limit].decode(errors="ignore")
