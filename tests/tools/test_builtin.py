"""The time, here and elsewhere, and hanging up."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tools import Result, Toolbox, ToolContext, ToolError
from tools.builtin import TOOLS, spoken_moment
from tools.zones import CITIES, find_zone


@pytest.mark.parametrize(
    ("place", "zone"),
    [
        ("Tokyo", "Asia/Tokyo"),
        ("new york", "America/New_York"),
        ("Paris, France", "Europe/Paris"),
        ("Europe/Berlin", "Europe/Berlin"),
        ("Mumbai", "Asia/Kolkata"),
        ("japan", "Japan"),
        ("UTC", "UTC"),
        ("GMT", "GMT"),
    ],
)
def test_a_place_is_found_as_one_says_it(place, zone):
    assert find_zone(place).key == zone


def test_two_names_of_one_city_are_no_question():
    assert find_zone("Buenos Aires").key in {
        "America/Buenos_Aires",
        "America/Argentina/Buenos_Aires",
    }


def test_a_name_of_several_zones_is_a_question():
    with pytest.raises(ToolError, match=r"several: Australia/West, Brazil/West\. Which"):
        find_zone("West")


def test_an_unknown_place_is_not_guessed():
    with pytest.raises(ToolError, match="I do not know the time zone of Atlantis"):
        find_zone("Atlantis")


def test_every_listed_city_has_a_zone():
    assert {city: find_zone(city).key for city in CITIES} == CITIES


@pytest.mark.parametrize(
    ("hour", "said"), [(0, "12:05 AM"), (11, "11:05 AM"), (12, "12:05 PM"), (23, "11:05 PM")]
)
def test_the_time_is_said_on_a_clock_of_twelve_hours(hour, said):
    moment = datetime(2026, 11, 21, hour, 5)
    assert spoken_moment(moment, "Rome") == f"It is {said} on Saturday, November 21, in Rome."


async def test_the_current_time_is_now_in_the_place_that_was_asked_for():
    before = datetime.now(UTC) - timedelta(seconds=1)
    result = await Toolbox(TOOLS).run("current_time", '{"place": "Tokyo"}')
    told = json.loads(result.output)
    moment = datetime.fromisoformat(told["date_and_time"])
    assert before <= moment <= datetime.now(UTC)
    assert moment.utcoffset() == timedelta(hours=9)
    assert told["time_zone"] == "Asia/Tokyo"


async def test_the_callers_own_zone_counts_where_no_place_was_named():
    context = ToolContext(metadata={"time_zone": "Asia/Kolkata"})
    result = await Toolbox(TOOLS).run("current_time", "", context)
    assert json.loads(result.output)["time_zone"] == "Asia/Kolkata"


async def test_hanging_up_gives_the_reason_and_a_farewell():
    reasons: list[str] = []
    context = ToolContext(hang_up=reasons.append)
    result = await Toolbox(TOOLS).run("hang_up", '{"reason": "said goodbye"}', context)
    assert result == Result('{"message":"Goodbye."}')
    assert reasons == ["said goodbye"]


async def test_a_call_that_cannot_be_ended_says_so():
    result = await Toolbox(TOOLS).run("hang_up", "")
    assert result == Result("This call cannot be ended from here.", failed=True)
