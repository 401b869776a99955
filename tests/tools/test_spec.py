"""A typed function becomes a tool that a model can be told of."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from functools import partial, wraps
from typing import Annotated, Any, ClassVar, Literal, Optional

import pytest
from pydantic import BaseModel, Field

from tools import ArgumentsError, ToolContext, ToolDefinitionError, tool


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Address(BaseModel):
    """Where to send it."""

    street: str
    title: Annotated[str, Field(description="Such as Doctor.")] = ""


class Knot(BaseModel):
    next: Optional[Knot] = None  # noqa: UP045


def send(
    count: Annotated[int, "How many."],
    to: Address,
    by: Literal["air", "sea"],
    context: ToolContext,
    size: Size = Size.SMALL,
    day: date | None = None,
    schema: Annotated[list[str], Field(max_length=2, description="Odd names work.")] = [],  # noqa: B006
) -> str:
    """Send a parcel
    somewhere.

    This is for people who read the code.
    """
    return "sent"


def test_the_schema_says_types_defaults_and_descriptions_and_nothing_else():
    spec = tool(send).spec
    assert spec.name == "send"
    assert spec.description == "Send a parcel somewhere."
    assert spec.parameters == {
        "type": "object",
        "additionalProperties": False,
        "required": ["count", "to", "by"],
        "properties": {
            "count": {"type": "integer", "description": "How many."},
            "to": {
                "type": "object",
                "description": "Where to send it.",
                "additionalProperties": False,
                "required": ["street"],
                "properties": {
                    "street": {"type": "string"},
                    "title": {
                        "type": "string",
                        "default": "",
                        "description": "Such as Doctor.",
                    },
                },
            },
            "by": {"type": "string", "enum": ["air", "sea"]},
            "size": {"type": "string", "enum": ["small", "large"], "default": "small"},
            "day": {
                "anyOf": [{"type": "string", "format": "date"}, {"type": "null"}],
                "default": None,
            },
            "schema": {
                "type": "array",
                "items": {"type": "string"},
                "maxItems": 2,
                "default": [],
                "description": "Odd names work.",
            },
        },
    }


def test_the_same_function_gives_the_same_bytes():
    assert json.dumps(tool(send).spec.parameters) == json.dumps(tool(send).spec.parameters)


def test_arguments_arrive_as_the_types_that_were_written():
    arguments = tool(send).arguments.read(
        '{"count": 2, "to": {"street": "Elm"}, "by": "sea", "size": "large", "day": "2026-11-21"}'
    )
    assert arguments == {
        "count": 2,
        "to": Address(street="Elm"),
        "by": "sea",
        "size": Size.LARGE,
        "day": date(2026, 11, 21),
        "schema": [],
    }


def test_a_function_without_parameters_has_an_empty_object():
    @tool(name="ping", timeout=3)
    def anything() -> str:
        """Answer."""
        return "pong"

    assert anything.spec.parameters == {
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }
    assert (anything.name, anything.timeout, anything()) == ("ping", 3, "pong")


@dataclass
class Parcel:
    weight: int
    to: Address


async def test_dataclasses_enums_dates_and_models_may_stand_in_each_other() -> None:
    @tool
    async def post(
        parcels: list[Parcel],
        on: dict[Literal["first", "last"], date],
        at: datetime | None = None,
        context: ToolContext | None = None,
    ) -> str:
        """Post."""
        assert context is not None
        return f"{parcels[0].to.street} {on['last'] - on['first']} {at and at.hour}"

    assert "context" not in post.spec.parameters["properties"]
    arguments = {
        "parcels": [{"weight": 1, "to": {"street": "Elm"}}],
        "on": {"first": "2026-11-21", "last": "2026-11-22"},
        "at": "2026-11-21T17:30:00Z",
    }
    told = await post.run(json.dumps(arguments), ToolContext())
    assert told == "Elm 1 day, 0:00:00 17"
    items = post.spec.parameters["properties"]["parcels"]["items"]
    assert items["required"] == ["weight", "to"]
    arguments["parcels"][0]["extra"] = 1  # type: ignore[index]
    with pytest.raises(ArgumentsError, match=r"parcels\.0\.extra"):
        await post.run(json.dumps(arguments), ToolContext())


def test_a_dictionary_of_numbers_may_hold_any_name():
    @tool
    def weigh(grams: dict[str, int]) -> None:
        """Weigh."""

    grams = weigh.spec.parameters["properties"]["grams"]
    assert grams == {"type": "object", "additionalProperties": {"type": "integer"}}


def no_type(x):  # type: ignore[no-untyped-def]
    """Do."""


def many(*x: int) -> None:
    """Do."""


def anything_goes(**x: int) -> None:
    """Do."""


def positional(x: int, /) -> None:
    """Do."""


def silent(x: int) -> None: ...


def opaque(x: Callable[[], int]) -> None:
    """Do."""


def unknown(x: Missing) -> None:  # type: ignore[name-defined]  # noqa: F821
    """Do."""


def endless(x: Knot) -> None:
    """Do."""


def unfit_default(x: Any = object()) -> None:  # noqa: B008
    """Do."""


def yields() -> Any:
    """Do."""
    yield 1


def absent(x: int = None) -> None:  # type: ignore[assignment]  # noqa: RUF013
    """Do."""


def endless_number(x: float = math.inf) -> None:
    """Do."""


def constant(x: ClassVar[int]) -> None:  # type: ignore[valid-type]
    """Do."""


class Greedy:
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        raise ImportError("it asks for too much")


def broken(x: Greedy) -> None:
    """Do."""


class Shop:
    def look_up(self, order: int) -> None:
        """Look up."""


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (no_type, "parameter x has no type; annotate it, for example x: str"),
        (many, "take a list instead"),
        (anything_goes, "name each parameter instead"),
        (positional, "positional only"),
        (silent, "no docstring"),
        (opaque, "use types that JSON can hold"),
        (unknown, "name 'Missing' is not defined"),
        (endless, "Knot contains itself"),
        (unfit_default, "use types that JSON can hold"),
        (yields, "it yields"),
        (lambda: None, "a name has 1 to 64 letters"),
        (absent, "parameter x: its default None does not fit its type: Input should be a valid"),
        (absent, "write int | None"),
        (endless_number, "parameter x: its default inf does not fit its type"),
        (opaque, "parameter x: collections.abc.Callable[[], int] cannot be read from JSON"),
        (constant, "ClassVar"),
        (broken, "parameter x: it asks for too much; it is "),
        (Shop.look_up, "tool(desk.look_up)"),
        (partial(send, 1), "is no function; write one with def"),
        ("look_up", "'look_up' is no function; write one with def"),
        (tool(send), "send is a tool already"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_refused_with_the_reason(function, says):
    with pytest.raises(ToolDefinitionError) as told:
        tool(function)
    assert says in str(told.value)


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


def test_a_schema_points_at_nothing_that_is_not_in_it() -> None:
    @tool
    def adopt(pet: Annotated[Cat | Dog, Field(discriminator="kind")]) -> None:
        """Adopt."""

    assert "$defs" not in json.dumps(adopt.spec.parameters)
    assert adopt.arguments.read('{"pet": {"kind": "dog"}}') == {"pet": Dog(kind="dog")}


def test_what_is_said_of_an_argument_that_may_be_absent_is_not_lost() -> None:
    @tool
    def look_up(
        order: Annotated[str, "Its number."] | None = None,
        context: Annotated[ToolContext | None, "The call."] = None,
    ) -> None:
        """Look up."""

    assert look_up.spec.parameters["properties"]["order"]["description"] == "Its number."
    assert look_up.arguments.context == "context"


async def test_a_decorator_may_hide_that_a_function_is_async() -> None:
    @tool
    @hidden
    async def wait(seconds: int) -> str:
        """Wait."""
        return f"waited {seconds}"

    assert await wait.run('{"seconds": 2}', ToolContext()) == "waited 2"


def hidden(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def through(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return through
