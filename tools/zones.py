"""From the name of a place, as one says it, to its time zone."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from tools.context import ToolError

# Large cities after which no zone is named, by the zone that they keep.
CITIES = {
    "abu dhabi": "Asia/Dubai",
    "bangalore": "Asia/Kolkata",
    "barcelona": "Europe/Madrid",
    "beijing": "Asia/Shanghai",
    "boston": "America/New_York",
    "cape town": "Africa/Johannesburg",
    "dallas": "America/Chicago",
    "delhi": "Asia/Kolkata",
    "frankfurt": "Europe/Berlin",
    "geneva": "Europe/Zurich",
    "hamburg": "Europe/Berlin",
    "houston": "America/Chicago",
    "las vegas": "America/Los_Angeles",
    "miami": "America/New_York",
    "milan": "Europe/Rome",
    "montreal": "America/Toronto",
    "mumbai": "Asia/Kolkata",
    "munich": "Europe/Berlin",
    "new delhi": "Asia/Kolkata",
    "osaka": "Asia/Tokyo",
    "philadelphia": "America/New_York",
    "rio de janeiro": "America/Sao_Paulo",
    "san francisco": "America/Los_Angeles",
    "seattle": "America/Los_Angeles",
    "washington": "America/New_York",
}


def find_zone(place: str) -> ZoneInfo:
    """The zone of a city, country or zone key; raises a ToolError that can be told."""
    said = _plain(place.split(",")[0])
    if said in CITIES:
        return ZoneInfo(CITIES[said])
    keys = _keys().get(_plain(place)) or _keys().get(said) or ()
    if not keys:
        raise ToolError(f"I do not know the time zone of {place[:60]}. Name a large city near it.")
    try:
        zones = [ZoneInfo(key) for key in keys]
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ToolError("This machine has no time zone data.") from error
    if len({_rules(zone) for zone in zones}) > 1:
        raise ToolError(f"There are several: {', '.join(keys)}. Which one?")
    return zones[0]


@cache
def _keys() -> dict[str, tuple[str, ...]]:
    """Zone keys by what one may say: the whole key, its last part, and its last two."""
    found: dict[str, list[str]] = {}
    for key in sorted(available_timezones()):
        parts = key.split("/")
        for said in {key, parts[-1], " ".join(parts[-2:])}:
            found.setdefault(_plain(said), []).append(key)
    for said, keys in found.items():
        # A zone called just that wins over one that only ends so, such as GMT over Etc/GMT.
        found[said] = [key for key in keys if _plain(key) == said] or keys
    return {said: tuple(keys) for said, keys in found.items()}


def _plain(words: str) -> str:
    return " ".join(words.replace("_", " ").replace("/", " ").casefold().split())


def _rules(zone: ZoneInfo) -> tuple[timedelta | None, ...]:
    """The zone's offsets month by month this year: two names of one zone have the same."""
    year = datetime.now().year
    return tuple(zone.utcoffset(datetime(year, month, 1)) for month in range(1, 13))
