"""The phrase book: what is kept of calls, in which it is lent, and when it is made anew."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from audio.format import pcm16
from gateway.assistants.target import Target
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call import toolwords as say
from gateway.call.plan import Plan
from gateway.errors import SettingsError
from gateway.phrasebook import PhraseBook, Speaker, key_of, speaker_of
from gateway.plans.planning import Booking
from gateway.settings import Settings, load
from tests.house import House, PlainMind, message, open_house

HOURS = "We are open from nine to five."
RULES = """
[phrasebook]
version = "1"

[[phrases]]
name = "hello"
use = "greeting"
say = "Hello, this is the kettle shop."

[[phrases]]
name = "hours"
asks = ["opening hours", "when are you open"]

[[phrases]]
name = "closed"
asks = ["on sunday"]
say = "On Sundays we rest."
"""
SOUND = b"\x01\x00" * 2400


def settings(tmp_path: Path, text: str = RULES) -> Settings:
    path = tmp_path / "trunkline.toml"
    path.write_text(text)
    return load(path, {})


def booking(**plan: Any) -> Booking:
    return Booking(Plan(**plan), Target("embedded", "http://127.0.0.1:4000/v1"))


def hears(book: PhraseBook, of: Settings, *seen: on.Event | do.Effect, **plan: Any) -> None:
    """A call in which that was said and done."""
    lent = book.lend(booking(**plan), of, personal=False)
    for tap in book.taps(lent, of):
        for one in seen:
            if isinstance(one, on.Event):
                tap.event(one, 0)
            else:
                tap.effect(one, 0)


def answer(text: str, *, status: Any = "completed") -> tuple[on.Event, ...]:
    return (
        on.AssistantWords("r", "a", text),
        on.AssistantAudio("r", "a", SOUND),
        on.ResponseEnded("r", status),
    )


def asked(text: str) -> do.ShowWords:
    return do.ShowWords("u", "caller", text, 0, final=True)


def at_hand(book: PhraseBook, of: Settings, *, personal: bool = False, **plan: Any) -> list[str]:
    lent = book.lend(booking(**plan), of, personal=personal)
    return [one.name for one in lent.plan.phrases if one.sound]


def test_fixed_words_are_kept_when_the_model_says_just_these(tmp_path: Path) -> None:
    book, of = PhraseBook(), settings(tmp_path)
    assert book.lend(booking(), of, personal=False).plan.greeting == say.exactly(
        "Hello, this is the kettle shop."
    )
    hears(book, of, *answer("Hello. This is the shop!"))
    assert at_hand(book, of) == []
    hears(book, of, *answer("hello! this is the kettle shop"))
    assert at_hand(book, of) == ["hello"]
    (greeting, *_) = book.lend(booking(), of, personal=False).plan.phrases
    assert (greeting.text, greeting.sound) == ("Hello, this is the kettle shop.", SOUND)


def test_the_first_answer_to_a_question_is_kept_for_the_next_who_asks(tmp_path: Path) -> None:
    book, of = PhraseBook(), settings(tmp_path)
    searched = do.ShowTool("c", "search_knowledge", "{}", "done")
    hears(book, of, asked("When are you open?"), searched, *answer(HOURS))
    assert at_hand(book, of) == ["hours"]


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ([asked("When are you open?"), *answer(HOURS, status="cancelled")], "cut off"),
        ([asked("Where is my order?"), *answer(HOURS)], "another question"),
        ([asked("When are you open? " + "And so on. " * 5), *answer(HOURS)], "a long one"),
        (
            [asked("opening hours"), do.ShowTool("c", "find_order", "{}", "done"), *answer(HOURS)],
            "a tool that is about the caller",
        ),
        ([asked("opening hours"), *answer("Call us at +49 30 901820.")], "a telephone number"),
        ([asked("opening hours"), do.Use(1), *answer(HOURS)], "another assistant"),
        ([asked("opening hours"), *answer(HOURS)[:1], on.ResponseEnded("r", "completed")], "mute"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_might_not_be_for_everybody_is_not_kept(
    tmp_path: Path, seen: list[Any], why: str
) -> None:
    book, of = PhraseBook(), settings(tmp_path)
    hears(book, of, *seen)
    assert at_hand(book, of) == [], why


def test_nothing_made_up_is_kept_of_a_caller_of_whom_something_is_known(tmp_path: Path) -> None:
    book, of = PhraseBook(), settings(tmp_path)
    hears(book, of, asked("opening hours"), *answer(HOURS))
    assert at_hand(book, of, personal=True) == []
    names = [one.name for one in book.lend(booking(), of, personal=True).plan.phrases]
    assert names == ["hello", "closed"]


def test_it_outlives_the_gateway_and_a_file_that_is_spoilt(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    of = settings(tmp_path)
    hears(PhraseBook(tmp_path / "book"), of, *answer("Hello, this is the kettle shop."))
    (tmp_path / "book" / "other.phrase").write_bytes(b"\xff no phrase")
    assert at_hand(PhraseBook(tmp_path / "book"), of) == ["hello"]
    assert "a recorded phrase cannot be read" in caplog.text


SPEAKER = Speaker("m", "v", "en", "Be kind.", "shop", "d1", "1", pcm16(24_000))


@pytest.mark.parametrize("text", ["", "Hello."], ids=["made up", "fixed"])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"model": "n"}, id="model"),
        pytest.param({"voice": "w"}, id="voice"),
        pytest.param({"language": "de"}, id="language"),
        pytest.param({"version": "2"}, id="version"),
        pytest.param({"format": pcm16(8_000)}, id="format"),
    ],
)
def test_another_voice_or_version_has_it_made_anew(change: Any, text: str) -> None:
    assert key_of("a", text, replace(SPEAKER, **change)) != key_of("a", text, SPEAKER)


def test_what_a_model_made_up_is_made_anew_with_other_documents(tmp_path: Path) -> None:
    other = replace(SPEAKER, documents="d2")
    assert key_of("a", "", other) != key_of("a", "", SPEAKER)
    assert key_of("a", "Hello.", other) == key_of("a", "Hello.", SPEAKER)
    unknown = PhraseBook().lend(booking(), settings(tmp_path), personal=False, documents=None)
    assert all(one.text for one in unknown.plan.phrases), "until it is known which there are"


def test_what_a_model_made_up_is_one_tenants_alone(tmp_path: Path) -> None:
    other = replace(SPEAKER, tenant="other")
    assert key_of("a", "", other) != key_of("a", "", SPEAKER)
    assert key_of("a", "Hello.", other) == key_of("a", "Hello.", SPEAKER)
    here = replace(booking(), target=Target("embedded", "http://127.0.0.1:5000/v1"))
    of = settings(tmp_path)
    assert speaker_of(here, of) == speaker_of(booking(), of), "wherever it listens this time"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ('name = "a"', "say"),
        ('name = "a"\nuse = "greeting"\nasks = ["hello"]', "say"),
        ('name = "a"\nsay = "b"\npattern = "("', "regular expression"),
        ('name = ""\nsay = "b"', "at least 1 character"),
    ],
    ids=["empty", "a greeting without words", "no expression", "no name"],
)
def test_a_rule_that_says_nothing_is_refused_at_the_start(
    tmp_path: Path, rule: str, words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        settings(tmp_path, f"[[phrases]]\n{rule}\n")


async def asks(house: House, question: str) -> tuple[list[dict[str, Any]], int]:
    """The lines of the transcript and the bytes of sound of a call with that question."""
    lines: dict[str, dict[str, Any]] = {}
    sound = 0
    async with connect(house.browser) as page, asyncio.timeout(20):
        await page.send(message("start", reports=False))
        await page.send(message("text", text=question))
        async for frame in page:
            if isinstance(frame, bytes):
                sound += len(frame)
                continue
            told = json.loads(frame)
            if told["type"] == "words":
                lines[told["item"]] = told
            if told["type"] == "words" and told["role"] == "assistant" and told["final"]:
                break
    return list(lines.values()), sound


async def test_the_second_caller_hears_it_at_once_and_the_model_is_not_asked(
    tmp_path: Path,
) -> None:
    class Counting(PlainMind):
        asked = 0

        async def answer(self, situation: Any) -> Any:
            Counting.asked += 1
            async for thought in super().answer(situation):
                yield thought

    rules = RULES.replace('use = "greeting"', "")
    async with open_house(Counting(sentence=HOURS)) as house:
        house.gateway.settings = settings(tmp_path, rules)
        first, heard = await asks(house, "When are you open?")
        assert Counting.asked == 1
        second, again = await asks(house, "What are your opening hours?")
        assert Counting.asked == 1
    assert [line["text"] for line in first[1:]] == [HOURS]
    assert [line["text"] for line in second[1:]] == [HOURS]
    assert again == pytest.approx(heard, rel=0.05)
    assert heard > 48_000
