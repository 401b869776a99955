"""An order desk for an assistant: looks orders up, tells when they ship, cancels them.

Orders are kept in SQLite: in memory, and so anew for every toolbox, or in the file that the
environment variable ORDER_DESK_DB names. An empty database is filled from orders.toml.
"""

from __future__ import annotations

import os
import re
import sqlite3
import tomllib
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from tools import Tool, ToolError, tool

SEED = Path(__file__).with_name("orders.toml")
OPEN = ("processing", "packed")  # what can still be cancelled

TABLE = """
CREATE TABLE IF NOT EXISTS orders (
    number TEXT PRIMARY KEY,
    customer TEXT NOT NULL,
    items TEXT NOT NULL,
    status TEXT NOT NULL,
    ships TEXT NOT NULL
)
"""

Status = Literal["processing", "packed", "shipped", "delivered", "cancelled"]


def _digits(value: object) -> str:
    """A number as it is said and written down: 42 17, 4-2-1-7, #4217."""
    return re.sub(r"[\s.,#-]", "", str(value))


OrderNumber = Annotated[
    str,
    Field(description="The order number: four digits.", pattern="^[0-9]{4}$"),
    BeforeValidator(_digits),
]


class Order(BaseModel):
    """An order as the caller may hear it."""

    order_number: str
    customer: str
    items: str
    status: Status
    ship_date: date
    message: str


class ShipDate(BaseModel):
    """When an order leaves, or left, the warehouse."""

    order_number: str
    ship_date: date | None
    message: str


class Cancellation(BaseModel):
    """Whether an order was cancelled, and why not."""

    order_number: str
    cancelled: bool
    message: str


class OrderDesk:
    """The desk: one connection, used by one thread at a time."""

    def __init__(self, database: str | Path = ":memory:") -> None:
        self._lock = Lock()
        self._db = sqlite3.connect(database, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        with self._db:
            self._db.execute(TABLE)
            if not self._db.execute("SELECT count(*) FROM orders").fetchone()[0]:
                self._db.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", _seed())

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def look_up_order(self, order_number: OrderNumber) -> Order:
        """Look up an order: where it is, what is in it, and its status."""
        row = self._row(order_number)
        ships = date.fromisoformat(row["ships"])
        said = {
            "processing": f"is being prepared and ships on {_day(ships)}",
            "packed": f"is packed and ships on {_day(ships)}",
            "shipped": f"is on its way; it left on {_day(ships)}",
            "delivered": "has been delivered",
            "cancelled": "was cancelled",
        }[row["status"]]
        return Order(
            order_number=row["number"],
            customer=row["customer"],
            items=row["items"],
            status=row["status"],
            ship_date=ships,
            message=f"Order {order_number}, {row['items']}, {said}.",
        )

    def ship_date(self, order_number: OrderNumber) -> ShipDate:
        """Tell when an order ships, or when it was shipped."""
        row = self._row(order_number)
        ships = date.fromisoformat(row["ships"])
        if row["status"] == "cancelled":
            message = f"Order {order_number} was cancelled, so it does not ship."
            return ShipDate(order_number=order_number, ship_date=None, message=message)
        verb = "ships" if row["status"] in OPEN else "was shipped"
        message = f"Order {order_number} {verb} on {_day(ships)}."
        return ShipDate(order_number=order_number, ship_date=ships, message=message)

    def cancel_order(self, order_number: OrderNumber) -> Cancellation:
        """Cancel an order, as long as it has not been shipped."""
        with self._lock, self._db:
            changed = self._db.execute(
                "UPDATE orders SET status = 'cancelled' WHERE number = ? AND status IN (?, ?)",
                (order_number, *OPEN),
            ).rowcount
        row = self._row(order_number)
        if changed:
            message = f"Order {order_number}, {row['items']}, is cancelled."
        elif row["status"] == "cancelled":
            message = f"Order {order_number} was cancelled before."
        else:
            message = f"Order {order_number} has already been {row['status']}, "
            message += "so it cannot be cancelled."
        return Cancellation(order_number=order_number, cancelled=bool(changed), message=message)

    def _row(self, order_number: str) -> sqlite3.Row:
        with self._lock:
            row: sqlite3.Row | None = self._db.execute(
                "SELECT * FROM orders WHERE number = ?", (order_number,)
            ).fetchone()
        if row is None:
            raise ToolError(f"There is no order {order_number}.")
        return row


def make_tools(cleanup: ExitStack) -> Iterable[Tool[..., Any]]:
    """The desk's tools, on a connection of their own that is closed with the toolbox."""
    desk = OrderDesk(os.environ.get("ORDER_DESK_DB", ":memory:"))
    cleanup.callback(desk.close)
    return tool(desk.look_up_order), tool(desk.ship_date), tool(desk.cancel_order)


def _seed() -> list[tuple[str, str, str, str, str]]:
    with SEED.open("rb") as file:
        seed = tomllib.load(file)
    return [
        (
            order["number"],
            order["customer"],
            order["items"],
            order["status"],
            (seed["day"] + timedelta(days=order["ships_in"])).isoformat(),
        )
        for order in seed["order"]
    ]


def _day(day: date) -> str:
    return f"{day:%A, %B} {day.day}"
