"""A typed function becomes a tool that a model can be told of."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Literal, Optional

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
    ],
)
def test_a_function_that_cannot_be_a_tool_is_refused_with_the_reason(function, says):
    with pytest.raises(ToolDefinitionError, match="tool ") as told:
        tool(function)
    assert says in str(told.value)
