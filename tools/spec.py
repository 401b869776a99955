"""A tool: a typed function that the model may call, described by what is written in its code."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar, overload

from tools.context import ToolContext, ToolError
from tools.schema import Arguments, ToolDefinitionError

__all__ = ["Tool", "ToolContext", "ToolDefinitionError", "ToolError", "ToolSpec", "tool"]

P = ParamSpec("P")
R = TypeVar("R")
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What a model is told of a tool: its name, what it is for, and its JSON schema."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Tool(Generic[P, R]):
    """A function with its description; calling it calls the function, unchecked."""

    function: Callable[P, R]
    spec: ToolSpec
    arguments: Arguments
    timeout: float | None = None  # seconds; None leaves it to the toolbox

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)


@overload
def tool(function: Callable[P, R], /) -> Tool[P, R]: ...
@overload
def tool(
    *, name: str = "", timeout: float | None = None
) -> Callable[[Callable[P, R]], Tool[P, R]]: ...
def tool(
    function: Callable[..., Any] | None = None, /, *, name: str = "", timeout: float | None = None
) -> Any:
    """Make a function a tool: `@tool`, `@tool(timeout=5)`, or `tool(desk.look_up)` for a method.

    The first paragraph of its docstring tells the model what it is for. Its parameters need types
    that JSON can hold; say what each means with `Annotated[str, "The order number."]` or pydantic's
    `Field`. It may be async; otherwise it runs in a thread. Raises ToolDefinitionError.
    """
    if function is None:
        return lambda function: _made(function, name, timeout)
    return _made(function, name, timeout)


def _made(function: Callable[P, R], name: str, timeout: float | None) -> Tool[P, R]:
    name = name or getattr(function, "__name__", "")
    if not NAME.fullmatch(name):
        raise ToolDefinitionError(
            f"tool {name!r}: a name has 1 to 64 letters, digits, _ or -; give one, name='look_up'"
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ToolDefinitionError(f"tool {name}: it yields; a tool returns its one result")
    if timeout is not None and timeout <= 0:
        raise ToolDefinitionError(f"tool {name}: timeout is {timeout}; give seconds above 0")
    arguments = Arguments(function)
    spec = ToolSpec(name, _description(function, name), arguments.schema(function))
    return Tool(function, spec, arguments, timeout)


def _description(function: Callable[..., Any], name: str) -> str:
    words = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
    if not words:
        raise ToolDefinitionError(
            f"tool {name}: it has no docstring; write one sentence that tells the model "
            "what the tool is for"
        )
    return words
