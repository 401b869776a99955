"""Tools that every call may have: the time, here or elsewhere, and hanging up."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Annotated

from pydantic import BaseModel

from tools.context import ToolContext
from tools.spec import tool
from tools.zones import find_zone


class Moment(BaseModel):
    """A time of day somewhere, and how to say it."""

    place: str
    time_zone: str
    date_and_time: str  # ISO 8601 with offset
    message: str


class Goodbye(BaseModel):
    """What to say while the call ends."""

    message: str


def spoken_moment(moment: datetime, place: str) -> str:
    """The time as one says it: It is 3:41 PM on Saturday, November 21, in Tokyo."""
    hour = moment.hour % 12 or 12
    half = "AM" if moment.hour < 12 else "PM"
    where = f", in {place}" if place else ""
    return f"It is {hour}:{moment:%M} {half} on {moment:%A, %B} {moment.day}{where}."


@tool
def current_time(
    context: ToolContext,
    place: Annotated[str, "The city or time zone; leave it out for the caller's own time."] = "",
) -> Moment:
    """Tell the current time and date, here or in another city or time zone."""
    wanted = place.strip() or context.metadata.get("time_zone", "")
    zone: tzinfo | None = find_zone(wanted) if wanted else None
    moment = datetime.now().astimezone(zone)  # None is this machine's own zone
    name = getattr(zone, "key", None) or moment.tzname() or ""
    said = place.strip() or ""
    return Moment(
        place=said,
        time_zone=name,
        date_and_time=moment.isoformat(timespec="seconds"),
        message=spoken_moment(moment, said),
    )


@tool
async def hang_up(
    context: ToolContext, reason: Annotated[str, "Why the call ends, in a few words."] = ""
) -> Goodbye:
    """End the call, when the caller has said goodbye or asks to hang up."""
    context.hang_up(reason.strip()[:200] or "the assistant hung up")
    return Goodbye(message="Goodbye.")


TOOLS = (current_time, hang_up)
