"""What the assistant of a bakery can do: tell the price, take an order, cancel one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from tools import Tool, ToolContext, ToolError, tool


class Bread(StrEnum):
    """What is baked."""

    RYE = "rye bread"
    BAGUETTE = "baguette"
    ROLL = "roll"


CENTS = {Bread.RYE: 420, Bread.BAGUETTE: 180, Bread.ROLL: 45}


class Order(BaseModel):
    """An order that stands."""

    number: int
    bread: Bread
    pieces: int
    day: date
    cents: int


@tool(side_effects=False)
def price(
    bread: Bread,
    pieces: Annotated[int, Field(ge=1, le=100, description="How many.")] = 1,
) -> str:
    """Tell what bread costs."""
    return f"{pieces} {bread.value}: {pieces * CENTS[bread] / 100:.2f} euros."


class Book:
    """The orders of a day; a real one would be a database."""

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self._seen: dict[str, Order] = {}  # by idempotency key
        self._numbers = itertools.count(101)

    def take(self, bread: Bread, pieces: int, day: date, key: str) -> Order:
        """Write an order down; the same key is the same order."""
        if key and key in self._seen:
            return self._seen[key]
        number = next(self._numbers)
        order = Order(
            number=number, bread=bread, pieces=pieces, day=day, cents=pieces * CENTS[bread]
        )
        self.orders[number] = self._seen[key] = order
        return order

    def drop(self, number: int) -> Order:
        """Cross an order out."""
        if number not in self.orders:
            raise ToolError(f"There is no order {number}.")
        return self.orders.pop(number)


def make_tools(cleanup: ExitStack) -> Iterable[Tool]:
    """Tools that share the order book; it is let go of when the gateway ends."""
    book = Book()
    cleanup.callback(book.orders.clear)

    @tool(idempotent=True)
    def take_order(
        context: ToolContext,
        bread: Bread,
        pieces: Annotated[int, Field(ge=1, le=100, description="How many.")],
        day: Annotated[date, "On which day it is collected."],
    ) -> Order:
        """Take an order for bread, to be collected on a day."""
        return book.take(bread, pieces, day, context.key)

    @tool(confirm=True)
    def cancel_order(number: Annotated[int, "The number of the order."]) -> str:
        """Cancel an order."""
        order = book.drop(number)
        return f"The order of {order.pieces} {order.bread.value} is cancelled."

    return take_order, cancel_order
