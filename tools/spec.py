"""A tool: a typed function that the model may call, described by what is written in its code."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

from tools.context import ArgumentsError, ToolContext, ToolError
from tools.policy import Late, Policy
from tools.result import whole
from tools.schema import Arguments, ToolDefinitionError

__all__ = [
    "AnyTool",
    "ArgumentsError",
    "Policy",
    "Tool",
    "ToolContext",
    "ToolDefinitionError",
    "ToolError",
    "ToolSpec",
    "tool",
]

P = ParamSpec("P")
R = TypeVar("R")
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
RESERVED = frozenset({"cancel_task"})  # the gateway's own
PLAIN = Policy()
POLICIES = tuple(field.name for field in fields(Policy))


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What a model is told of a tool: its name, what it is for, and its JSON schema."""

    name: str
    description: str
    parameters: dict[str, Any]


class AnyTool(Protocol):
    """Whatever a toolbox can run: a function, something behind HTTP, a tool of an MCP server."""

    @property
    def spec(self) -> ToolSpec:
        """What the model is told of it. It never changes; a changed tool is another one."""
        ...

    @property
    def policy(self) -> Policy:
        """How it is to be run. The toolbox keeps to it: a tool needs no limits of its own."""
        ...

    async def run(self, arguments_json: str, context: ToolContext) -> Any:
        """Its result: anything that pydantic can write as JSON; text is told as it is.

        Raises ArgumentsError where the model should mend its arguments, ToolError with words fit
        for the caller, and anything else for a failure that only the operator may know.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Tool(Generic[P, R]):
    """A function with its description; calling it calls the function, unchecked."""

    function: Callable[P, R]
    spec: ToolSpec
    arguments: Arguments
    policy: Policy = PLAIN

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def timeout(self) -> float | None:
        return self.policy.timeout

    @property
    def is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    async def run(self, arguments_json: str, context: ToolContext) -> Any:
        """Check the arguments and call the function: on the loop if it is async, or in a thread."""
        function: Callable[..., Any] = self.function
        arguments = self.arguments.read(arguments_json)
        if self.arguments.context:
            arguments[self.arguments.context] = context
        if self.is_async:
            return whole(await function(**arguments))
        value = await context.in_thread(lambda: whole(function(**arguments)))
        # A decorator may have hidden that the function is async.
        return whole(await value) if inspect.isawaitable(value) else value


@overload
def tool(function: Callable[P, R], /) -> Tool[P, R]: ...
@overload
def tool(
    *,
    name: str = "",
    timeout: float | None = None,
    concurrency: int = 0,
    retries: int = 0,
    cache: float = 0.0,
    result_limit: int | None = None,
    late: Late = "speak_when_free",
    confirm: bool = False,
    side_effects: bool = True,
    idempotent: bool = False,
    prefetch: bool = False,
    price_usd: float = 0.0,
) -> Callable[[Callable[P, R]], Tool[P, R]]: ...
def tool(function: Callable[..., Any] | None = None, /, *, name: str = "", **policy: Any) -> Any:
    """Make a function a tool: `@tool`, `@tool(timeout=5)`, or `tool(desk.look_up)` for a method.

    The first paragraph of its docstring tells the model what it is for. Its parameters need types
    that JSON can hold; say what each means with `Annotated[str, "The order number."]` or pydantic's
    `Field`. It may be async; otherwise it runs in a thread. What else it takes says how it is run:
    see Policy. Raises ToolDefinitionError.
    """
    if function is None:
        return lambda function: _made(function, name, policy)
    return _made(function, name, policy)


def _made(function: Callable[P, R], name: str, policy: dict[str, Any]) -> Tool[P, R]:
    if not _is_function(function):
        what = f"{function.name} is a tool already" if isinstance(function, Tool) else ""
        raise ToolDefinitionError(
            what or f"{function!r:.80} is no function; write one with def, and @tool above it"
        )
    name = name or getattr(function, "__name__", "")
    if not NAME.fullmatch(name):
        raise ToolDefinitionError(
            f"tool {name!r}: a name has 1 to 64 letters, digits, _ or -; give one, name='look_up'"
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ToolDefinitionError(f"tool {name}: it yields; a tool returns its one result")
    arguments = Arguments(function)
    spec = ToolSpec(name, _description(function, name), arguments.schema(function))
    if unknown := policy.keys() - POLICIES:
        raise ToolDefinitionError(
            f"tool {name}: there is no {', '.join(sorted(unknown))}; there are: "
            f"name, {', '.join(POLICIES)}"
        )
    try:
        return Tool(function, spec, arguments, Policy(**policy))
    except ValueError as error:
        raise ToolDefinitionError(f"tool {name}: {error}") from None


def _is_function(function: Any) -> bool:
    """Its name, its words and its types can be read; a partial or an object has them not."""
    if inspect.isroutine(function) or inspect.isclass(function):
        return callable(function)
    return callable(function) and hasattr(function, "__wrapped__")


def _description(function: Callable[..., Any], name: str) -> str:
    words = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
    if not words:
        raise ToolDefinitionError(
            f"tool {name}: it has no docstring; write one sentence that tells the model "
            "what the tool is for"
        )
    return words
