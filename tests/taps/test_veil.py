"""The veil and discretion: no number in a journal or the books, in whatever pieces it comes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.effects import Effect, ShowTool, ShowWords
from gateway.call.plan import Plan, PrivacyPolicy, RecoveryPolicy
from gateway.redaction.detect import ALL
from gateway.replay import Replay
from gateway.store.writes import Write
from gateway.taps.books import Books, Heading
from gateway.taps.discretion import Discretion
from gateway.taps.journal import Journal
from gateway.taps.transcripts import Transcripts
from gateway.taps.veil import Veil
from tests.redaction.examples import CARDS, EMAILS, IBANS, PHONES
from tests.taps.test_taps import Tapped

SPOKEN = "four one one one one one one one one one one one one one one one"


def asking(keep: str = "consent") -> Plan:
    return Plan(privacy=PrivacyPolicy(recording="off", transcripts=keep))  # type: ignore[arg-type]


class Kept:
    """A tap that keeps what it is given last."""

    def __init__(self) -> None:
        self.words: dict[str, ShowWords] = {}
        self.tools: list[ShowTool] = []

    def event(self, event: on.Event, now: int) -> None: ...

    def effect(self, effect: Effect, now: int) -> None:
        if isinstance(effect, ShowWords):
            self.words[effect.item_id] = effect
        elif isinstance(effect, ShowTool):
            self.tools.append(effect)

    def flush(self) -> bool:
        return True

    def close(self) -> None: ...

    @property
    def texts(self) -> list[str]:
        return [line.text for line in self.words.values()]


class Talk(Tapped):
    """A story in which somebody gives numbers."""

    def told(self, *texts: str, piece: int = 7) -> None:
        """The caller says that, a turn each, recognised in pieces; the assistant says it back."""
        for number, text in enumerate(texts):
            item, answer, response = f"item_u{number}", f"item_a{number}", f"resp_{number}"
            self.says(1000)
            self.feed(on.TurnCommitted(item))
            for at in range(0, len(text), piece):
                self.feed(on.CallerWords(item, text[at : at + piece], final=False))
            self.feed(on.CallerWords(item, text, final=True))
            self.begins(response)
            for at in range(0, len(text), piece):
                self.words(text[at : at + piece], answer, response)
            self.voice(500, answer, response)
            self.feed(on.ItemEnded(response, answer))
            call = on.ToolCall(f"call_{number}", "look_up", json.dumps({"value": text}))
            self.ends(response, calls=(call,))
            self.wait(700)
            self.feed(on.ToolFinished(f"call_{number}", f"found {text}"))
            self.begins(response + "b")
            self.ends(response + "b")
        self.feed(on.CallerLeft("hung up"))
        for tap in self.taps:
            tap.close()  # type: ignore[attr-defined]


SOME = [*CARDS[4:7], IBANS[3], *IBANS[7:9], EMAILS[1], *EMAILS[5:8], PHONES[0], PHONES[8]]


@pytest.mark.parametrize("said", SOME)
def test_no_number_stands_in_a_journal_which_replays_all_the_same(
    tmp_path: Path, said: str
) -> None:
    path = tmp_path / "call.jsonl"
    Talk(Journal(path, Plan(), ALL)).told(f"Well, it is {said}.", "Thank you, that is all.")
    text = path.read_text()
    assert said not in text
    texts = [json.loads(line).get("text", "") for line in text.splitlines()]
    last = said.split()[-1][-6:]
    assert not [one for one in texts if last in one]
    assert "Thank you, that is all." in text
    assert list(Replay(path).differences()) == []


@pytest.mark.parametrize("piece", [3, 200])
def test_a_number_that_is_given_over_several_turns_stands_nowhere(
    tmp_path: Path, piece: int
) -> None:
    path = tmp_path / "call.jsonl"
    kept, rows = Kept(), list[Write]()
    taps = (
        Journal(path, Plan(), ALL),
        Discretion(Plan(), ALL, kept),
        Discretion(Plan(), ALL, Books(rows.append, Plan(), Heading())),
    )
    words = SPOKEN.split()
    parts = [" ".join(words[at : at + 4]) for at in range(0, 16, 4)]
    Talk(*taps).told("My card is", *parts, "Thank you.", piece=piece)
    caller = [line.text for line in kept.words.values() if line.role == "caller"]
    assert caller == ["My card is", *4 * ["[card]"], "Thank you."]
    turns = {row.values["item_id"]: row.values["heard"] for row in rows if row.table == "turns"}
    assert not any("one" in text for text in turns.values())
    texts = [json.loads(line).get("text", "") for line in path.read_text().splitlines()]
    assert not any("one" in text for text in texts)
    assert list(Replay(path).differences()) == []


def test_a_short_number_at_the_end_of_a_turn_is_shown_when_nothing_follows() -> None:
    kept = Kept()
    talk = Talk(Discretion(Plan(), ALL, kept))
    talk.told("The order is 4217", "No, nothing else.")
    assert "The order is 4217" in kept.texts
    kept = Kept()
    talk = Talk(Discretion(Plan(), ALL, kept))
    talk.told("The order is 4217")
    assert kept.texts == ["The order is 4217", "The order is 4217"]


def test_what_tools_are_given_and_give_is_redacted() -> None:
    kept = Kept()
    Talk(Discretion(Plan(), ALL, kept)).told(f"It is {CARDS[0]}")
    assert {tool.arguments for tool in kept.tools} == {'{"value": "It is [card]"}'}
    assert kept.tools[-1].output == "found It is [card]"


def test_keys_of_the_telephone_are_no_way_around(tmp_path: Path) -> None:
    path, kept = tmp_path / "call.jsonl", Kept()
    talk = Tapped(Journal(path, Plan(), ALL), Discretion(Plan(), ALL, kept))
    for key in CARDS[0]:
        talk.feed(on.CallerDigit(key))
    talk.wait(3000)
    talk.feed(on.CallerLeft("hung up"))
    for tap in talk.taps:
        tap.close()  # type: ignore[attr-defined]
    assert kept.texts == ["[pressed [card]]"]
    assert not {"1", "4"} & {json.loads(one).get("digit") for one in path.read_text().splitlines()}
    assert CARDS[0] not in path.read_text()
    assert list(Replay(path).differences()) == []


# ---------------------------------------------------------------- consent


class Asked(Tapped):
    """A story of a caller who is asked first. It is built with the plan that asks."""

    def __init__(self, *taps: object, plan: Plan) -> None:
        self.taps = taps
        super(Tapped, self).__init__(plan)

    def answered(self, words: str) -> None:
        """The question is heard, and answered so; then the caller says a secret."""
        (asked,) = self.all(do.Respond)
        assert self.plan.privacy.phrase in asked.instructions
        self.answers(1000, self.plan.privacy.phrase)
        self.wait(1500)
        for number, said in enumerate((words, "my secret")):
            self.says(800)
            self.feed(on.TurnCommitted(f"item_{number}"))
            self.feed(on.CallerWords(f"item_{number}", said, final=True))
            self.answers(500, "All right.", item=f"a{number}", response=f"resp_a{number}")
            self.wait(1000)
        self.feed(on.CallerLeft("hung up"))
        for tap in self.taps:
            tap.close()  # type: ignore[attr-defined]


def codes(story: Asked) -> list[str]:
    told = [notice.code for notice in story.all(do.ShowNotice)]
    return [code for code in told if code in (do.AGREED, do.REFUSED)]


@pytest.mark.parametrize(
    ("words", "kept"), [("Yes, of course.", True), ("No.", False), ("Hm", False)]
)
def test_words_are_kept_only_after_the_caller_has_agreed(
    tmp_path: Path, words: str, kept: bool
) -> None:
    rows: list[Write] = []
    path, transcript = tmp_path / "call.jsonl", tmp_path / "words.jsonl"
    plan = asking()
    story = Asked(
        Journal(path, plan, ALL),
        Discretion(plan, ALL, Books(rows.append, plan, Heading())),
        Discretion(plan, ALL, open_tap=lambda: Transcripts(transcript, plan)),
        plan=plan,
    )
    story.answered(words)
    said = {"Yes, of course.": [do.AGREED], "No.": [do.REFUSED], "Hm": []}
    assert codes(story) == said[words]
    heard = [row.values["heard"] for row in rows if row.table == "turns"]
    assert ("my secret" in heard) == kept
    assert plan.privacy.phrase not in heard
    assert transcript.exists() == kept
    assert ("my secret" in path.read_text()) == kept
    assert words not in path.read_text()
    assert list(Replay(path).differences()) == []
    consents = [row.values["consent"] for row in rows if "consent" in row.values]
    assert consents == {"Yes, of course.": ["agreed"], "No.": ["refused"], "Hm": []}[words]


def test_a_key_agrees_too() -> None:
    story = Asked(plan=asking())
    story.answers(1000, "May we?")
    story.wait(1500)
    story.feed(on.CallerDigit("1"))
    story.wait(2000)
    assert codes(story) == [do.AGREED]


def test_a_yes_before_the_question_was_heard_is_none() -> None:
    story = Asked(plan=asking())
    story.says(800)
    story.feed(on.TurnCommitted("item_0"))
    story.feed(on.CallerWords("item_0", "Yes, hello.", final=True))
    story.wait(5000)
    assert codes(story) == []


@pytest.mark.parametrize("keep", ["off", "on"])
def test_nobody_is_asked_where_nothing_depends_on_it(keep: str) -> None:
    kept = Kept()
    plan = asking(keep)
    story = Asked(Discretion(plan, ALL, kept), plan=plan)
    assert not story.all(do.Respond)
    story.says(800)
    story.feed(on.TurnCommitted("item_0"))
    story.feed(on.CallerWords("item_0", "Yes, hello.", final=True))
    assert kept.texts == (["Yes, hello."] if keep == "on" else [])


def test_a_number_in_lines_that_many_others_follow_at_once_stands_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    journal = Journal(path, Plan(), ALL)
    for number, text in enumerate([SPOKEN[:40], SPOKEN[40:], *["That is all."] * 8]):
        journal.event(on.CallerWords(f"item_{number}", text, final=True), number)
    journal.close()
    texts = [json.loads(line).get("text", "") for line in path.read_text().splitlines()]
    assert not [text for text in texts if "one" in text]
    assert texts.count("That is all.") == 8


RECOVERY = RecoveryPolicy(assistants=2, patience=20_000_000)


def moved(talk: Tapped) -> None:
    """The session is lost, another is told what was said, and the caller hangs up."""
    talk.feed(on.AssistantLost("gone", "close_1006", 0))
    talk.wait(300)
    talk.feed(on.AssistantReady("sess_2", "model", epoch=1))
    talk.feed(on.CallerLeft("hung up"))
    talk.taps[0].close()  # type: ignore[attr-defined]


PIECES = ["My card is 41", "yes, 11", "Okay.", *["11"] * 6]


def test_a_number_that_is_typed_in_pieces_stands_in_no_journal(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    talk = Tapped(Journal(path, Plan(), ALL))
    for number, text in enumerate([*PIECES, "Where is order 4217?"]):
        talk.feed(on.CallerText(text, "The caller shows a picture."))
        talk.answers(500, "Go on.", item=f"a{number}", response=f"resp_{number}")
        talk.wait(200)
    talk.feed(on.CallerLeft("hung up"))
    talk.taps[0].close()  # type: ignore[attr-defined]
    texts = [json.loads(line).get("text", "") for line in path.read_text().splitlines()]
    assert not [text for text in texts if "41" in text.replace("4217", "") or "11" in text]
    assert len([text for text in texts if text.startswith("Where is order 4217?")]) == 3
    assert list(Replay(path).differences()) == []


def test_a_number_said_in_pieces_stays_covered_when_another_session_is_told_of_it(
    tmp_path: Path,
) -> None:
    path, plan = tmp_path / "call.jsonl", Plan(recovery=RECOVERY)
    talk = Tapped(Journal(path, plan, ALL), plan=plan)
    for number, text in enumerate([*PIECES, *["That is all."] * 8]):
        talk.says(500)
        talk.feed(on.TurnCommitted(f"u{number}"))
        talk.feed(on.CallerWords(f"u{number}", text, final=True))
        talk.answers(500, "Go on.", item=f"a{number}", response=f"resp_{number}")
        talk.wait(200)
    moved(talk)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    told = [line["text"] for line in lines if line.get("effect") == "Remind"]
    assert len(told) > len(PIECES)
    assert not [text for text in told if "41" in text or "11" in text]
    assert told.count("That is all.") == 8
    assert list(Replay(path).differences()) == []


def test_what_was_said_before_the_yes_stays_out_when_another_session_is_told_of_it(
    tmp_path: Path,
) -> None:
    path, plan = tmp_path / "call.jsonl", replace(asking(), recovery=RECOVERY)
    story = Asked(Journal(path, plan, ALL), plan=plan)
    story.answers(1000, plan.privacy.phrase)
    story.wait(1500)
    for number, said in enumerate(("What is that?", "Yes, of course.", "Thank you.")):
        story.says(800)
        story.feed(on.TurnCommitted(f"item_{number}"))
        story.feed(on.CallerWords(f"item_{number}", said, final=True))
        story.answers(500, "All right.", item=f"a{number}", response=f"resp_a{number}")
        story.wait(1000)
    moved(story)
    assert len(story.all(do.Remind)) > 3
    text = path.read_text()
    assert "Thank you." in text
    assert "What is that?" not in text
    assert "of course" not in text


def test_a_record_of_what_was_said_holds_no_piece_of_a_number_and_nothing_from_before_the_yes() -> (
    None
):
    veil = Veil(ALL, "consent", 2)
    before = on.CallerWords("u0", "What is that? Tell me.", final=True)
    agreed = do.ShowNotice(do.AGREED, "")
    after = [on.CallerWords(f"u{at}", text, final=True) for at, text in enumerate(PIECES, 1)]
    record = do.Remind("system", 'In short: "What is that? My card is 41. yes, 11. I am 4111."')
    for at, what in enumerate((before, record, agreed, *after, record)):
        veil.add(what, at)
    _, early, *_, last = map(json.loads, veil.ready(99, over=True).splitlines())
    assert not any(map(str.isalnum, early["text"]))
    assert last["text"] == 'In short: "████ ██ █████ My card is ██. ████ ██. I am 4111."'
