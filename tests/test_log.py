"""The log: one line each, the call's id on it, and nothing private in it."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway import log
from gateway.private import Private
from tests.callers.peers.twilio import PEER
from tests.house import open_house

logger = logging.getLogger("gateway.test")


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    names = ["", "uvicorn", "uvicorn.error", "uvicorn.access", *log._QUIET]
    loggers = [logging.getLogger(name) for name in names]
    before = [(one, one.level, one.handlers[:], one.propagate) for one in loggers]
    yield
    for one, level, handlers, propagate in before:
        one.setLevel(level)
        one.handlers[:] = handlers
        one.propagate = propagate


def lines(form: str = "text", level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    log.setup(form, level, stream)
    return stream


def test_a_text_line_has_time_level_logger_message_and_fields() -> None:
    stream = lines()
    logger.info("tool finished", extra={"tool": "find order", "ms": 12})
    _day, _time, level, rest = stream.getvalue().split(maxsplit=3)
    assert level == "INFO"
    assert rest == 'gateway.test tool finished tool="find order" ms=12\n'


def test_a_json_line_is_one_object() -> None:
    stream = lines("json")
    logger.warning("tool finished", extra={"tool": "find order", "ms": 12})
    line = json.loads(stream.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "gateway.test",
        "message": "tool finished",
        "tool": "find order",
        "ms": 12,
    }


async def test_each_line_of_a_call_carries_its_id_also_in_the_tasks_it_began() -> None:
    stream = lines("json")

    async def work() -> None:
        logger.info("in a task")

    async def call(name: str) -> None:
        with log.calling(name):
            logger.info("in the call")
            await asyncio.create_task(work())

    await asyncio.gather(call("a"), call("b"))
    logger.info("outside")
    seen = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert sorted((line.get("call", ""), line["message"]) for line in seen) == [
        ("", "outside"),
        ("a", "in a task"),
        ("a", "in the call"),
        ("b", "in a task"),
        ("b", "in the call"),
    ]


def test_the_text_line_shows_the_call_too() -> None:
    stream = lines()
    with log.calling("call_7"):
        logger.info("begun")
    assert "gateway.test [call_7] begun\n" in stream.getvalue()


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_is_private_never_reaches_a_line(form: str) -> None:
    stream = lines(form)
    words = Private("my card number")
    logger.info("heard", extra={"words": words, "all": [words], "by": {"name": words}})
    logger.info("heard %s", words)
    assert "card" not in stream.getvalue()
    assert stream.getvalue().count("Private(...)") == 4


def test_a_peer_cannot_begin_a_line_of_its_own() -> None:
    stream = lines()
    logger.info("refused %s", "x\n2026-01-01 INFO forged", extra={"name_given": "a\nb"})
    logger.info("the provider reports", extra={"call": "CA01\n2026-01-01 INFO forged"})
    assert stream.getvalue().count("\n") == 2


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_exception_is_written_out(form: str) -> None:
    stream = lines(form)
    try:
        raise ValueError("odd length")
    except ValueError:
        logger.exception("frame refused")
    assert "ValueError: odd length" in stream.getvalue()


def test_the_level_is_kept_and_chatty_libraries_stay_quiet_at_debug() -> None:
    stream = lines(level="debug")
    logger.debug("fine")
    logging.getLogger("websockets.client").debug("> TEXT 'my card number'")
    assert "fine" in stream.getvalue()
    assert "card" not in stream.getvalue()
    stream = lines(level="error")
    logger.warning("hardly")
    assert stream.getvalue() == ""


def test_uvicorns_lines_come_in_the_same_format_without_their_queries() -> None:
    stream = lines("json")
    access = logging.getLogger("uvicorn.access")
    access.propagate = True
    args = ("127.0.0.1:9", "GET", "/api/calls?token=sesame", "1.1", 200)
    access.info('%s - "%s %s HTTP/%s" %d', *args)
    error = logging.getLogger("uvicorn.error")
    error.info("connection open")  # a step like any other
    error.warning('%s - "WebSocket %s" [accepted]', "127.0.0.1:9", "/browser?token=sesame")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first["message"] == '127.0.0.1:9 - "GET /api/calls HTTP/1.1" 200'
    assert second["message"] == '127.0.0.1:9 - "WebSocket /browser" [accepted]'


def test_lines_of_requests_stay_off_where_the_settings_are_read_again() -> None:
    logging.getLogger("uvicorn.access").propagate = False  # as the server leaves it
    stream = lines()
    logging.getLogger("uvicorn.access").info("GET /healthz")
    assert not stream.getvalue()


def test_setting_up_twice_writes_each_line_once() -> None:
    lines()
    stream = lines()
    logger.info("once")
    assert stream.getvalue().count("once") == 1


@pytest.mark.virtual_clock
async def test_a_stranger_who_is_turned_away_leaves_no_error_behind() -> None:
    stream = lines("json")
    async with open_house(variables=PEER.settings) as house:
        url = house.address.replace("http://", "ws://") + "/twilio/media"
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, proxy=None)
    assert refused.value.response.status_code == 403
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    (warned,) = [one for one in told if one["level"] not in ("info", "debug")]
    assert warned["message"] == "a request was turned away"


@pytest.mark.parametrize("form", ["text", "json"])
def test_numbers_and_addresses_of_people_do_not_stand_in_a_line(form: str) -> None:
    out = lines(form)
    card, mail = "4111 1111 1111 1111", "anna at example dot com"
    try:
        raise ValueError(f"no such card: {card}")
    except ValueError:
        logger.exception("it failed for %s", mail, extra={"number": "+49 30 1234567", "port": 8080})
    said = out.getvalue()
    assert "[card]" in said
    assert "[email]" in said
    assert "[phone]" in said
    assert "8080" in said
    assert not [one for one in (card, "anna", "1234567") if one in said]
