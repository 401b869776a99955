"""What every bridge must do, message by message, each against its provider's side of the wire."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio.convert import encode
from audio.format import pcm16
from audio.tone import sine
from gateway.call.effects import (
    Flush,
    Play,
    ShowLatency,
    ShowNotice,
    ShowState,
    ShowTurn,
    ShowWords,
    ToCaller,
)
from gateway.call.events import (
    CallerAudio,
    CallerDigit,
    CallerJoined,
    CallerLeft,
    CallerPlayed,
    FromCaller,
)
from gateway.callers.dialect import Dialect, Message, Reply, facts, fitted
from gateway.errors import WireError
from tests.callers.conformance.case import NAMES, Case, case_of
from tests.callers.peers.provider import Clear, Mark, Order, Owed, Provider, Sound

SECONDS = 1.0


@pytest.fixture(params=NAMES, scope="module")
def case(request: pytest.FixtureRequest) -> Case:
    return case_of(request.param)


class Both:
    """A dialect and its provider, joined without a wire."""

    def __init__(self, case: Case, dialect: Dialect | None = None, begun: bool = True) -> None:
        self.dialect = dialect or case.dialect()
        self.provider: Provider = case.provider()
        self.facts: list[FromCaller] = []
        self.orders: list[Order] = []
        if begun:
            self.hear(self.provider.begin())

    def hear(self, messages: Iterable[Message]) -> list[FromCaller]:
        """The gateway hears the provider; what is owed in answer is taken and given."""
        told: list[FromCaller] = []
        for message in messages:
            for fact in facts(self.dialect.decode(message)):
                if isinstance(fact, Reply):
                    self.take([fact.said()])
                else:
                    told.append(fact)
        self.facts += told
        return told

    def tell(self, *effects: ToCaller) -> list[Order]:
        """The provider is told what the gateway wants."""
        return [order for one in effects for order in self.take(self.dialect.encode(one))]

    def take(self, messages: Iterable[Message]) -> list[Order]:
        orders: list[Order] = []
        for message in messages:
            for order in self.provider.take(message):
                if isinstance(order, Owed):
                    self.hear(order.messages)
                else:
                    orders.append(order)
        self.orders += orders
        return orders

    def tone(self) -> bytes:
        """A second of sound as it is on the wire."""
        wire = self.dialect.format
        return encode(sine(440, SECONDS, wire.rate), wire.encoding)

    def plays(self, generation: int = 0) -> Iterator[Play]:
        """That second, in the slices that the call sends."""
        wire, sound = self.dialect.format, self.tone()
        size = wire.rate * self.dialect.grain // 1_000_000 * wire.width
        for at in range(0, len(sound), size):
            yield Play("item_1", sound[at : at + size], at // wire.width, generation)


def sound(orders: Iterable[Order]) -> bytes:
    return b"".join(order.audio for order in orders if isinstance(order, Sound))


def held(case: Case, both: Both) -> float:
    """Seconds of the last slice, whose mark is late where nothing follows it."""
    return both.dialect.grain / 1e6 if case.late else 0.0


def marks(orders: Iterable[Order]) -> list[str]:
    return [order.name for order in orders if isinstance(order, Mark)]


def test_a_call_begins_with_who_calls(case: Case) -> None:
    assert Both(case).facts == [case.joined]


def test_golden_messages_mean_what_the_documentation_says(case: Case) -> None:
    both = Both(case)
    for message, told in case.heard:
        assert both.hear([message]) == list(told), message


def test_golden_effects_are_told_as_the_documentation_says(case: Case) -> None:
    both = Both(case)
    for effect, messages in case.told:
        assert list(both.dialect.encode(effect)) == list(messages), effect


def test_what_a_dialect_is_not_handed_it_has_no_words_for(case: Case) -> None:
    dialect = Both(case).dialect
    kinds: frozenset[type] | None = getattr(dialect, "kinds", None)
    shown = (
        *(ShowState("hearing"), ShowWords("item_1", "caller", "Hello.", 0, final=True)),
        *(ShowLatency("item_1", 300_000), ShowTurn("ended", "item_1", 8_000)),
        ShowNotice("assistant_away", "Another line is sought."),
    )
    for effect in shown:
        if kinds is not None and type(effect) not in kinds:
            assert list(dialect.encode(effect)) == []
    assert kinds is None or {Play, Flush} <= kinds


def test_sound_passes_both_ways_bit_for_bit(case: Case) -> None:
    both = Both(case)
    wire, tone = both.provider.format, both.tone()
    assert both.dialect.format == wire
    size = both.provider.frame * wire.width
    frames = [tone[at : at + size] for at in range(0, len(tone), size)]
    facts = [fact for frame in frames for fact in both.hear(both.provider.speak(frame))]
    came = b"".join(fact.pcm for fact in facts if isinstance(fact, CallerAudio))
    went = sound(both.tell(*both.plays()))
    if case.exact:
        assert (came, went) == (tone, tone)
    else:
        assert (len(came), len(went)) == (len(tone), len(tone))


def test_marks_say_what_was_heard_from_the_first_sample_on(case: Case) -> None:
    both = Both(case)
    wire, last = both.dialect.format, 0
    if not case.marks:
        assert case.reports or not marks(both.tell(*both.plays()))
        assert case.reports == case.joined.reports_playback
        return
    assert case.joined.reports_playback
    names = marks(both.tell(*both.plays()))
    assert len(names) == len(set(names))
    facts = [fact for name in names for fact in both.hear(both.provider.played(name))]
    for fact in facts:
        assert isinstance(fact, CallerPlayed)
        assert (fact.item_id, fact.generation) == ("item_1", 0)
        assert 0 <= fact.samples - last <= wire.rate * both.dialect.grain // 1_000_000
        last = fact.samples
    assert facts[0] == CallerPlayed("item_1", 0, 0)
    assert last == wire.rate * (SECONDS - held(case, both))


def test_a_mark_counts_once(case: Case) -> None:
    both = Both(case)
    for name in marks(both.tell(*both.plays())) if case.marks else ():
        assert both.hear(both.provider.played(name))
        assert not both.hear(both.provider.played(name))


def test_a_flush_is_told_and_what_it_returns_was_not_heard(case: Case) -> None:
    both = Both(case)
    names = marks(both.tell(*both.plays()))
    orders = both.tell(Flush(1))
    assert (Clear() in orders) == case.clears
    assert not sound(orders)
    told = both.hear(both.provider.cleared(names))
    told += [fact for name in names for fact in both.hear(both.provider.played(name))]
    assert not [fact for fact in told if isinstance(fact, CallerPlayed)]
    again = both.tell(*both.plays(1))
    assert len(sound(again)) == len(both.tone())
    assert not set(names) & set(marks(again))
    facts = [fact for name in marks(again) for fact in both.hear(both.provider.played(name))]
    assert {fact.generation for fact in facts if isinstance(fact, CallerPlayed)} <= {1}
    assert bool(facts) == (case.marks or case.reports)


def test_positions_are_of_the_calls_own_rate_where_that_differs(case: Case) -> None:
    call = pcm16(24_000)
    both = Both(case)
    joined = Both(case, fitted(both.dialect, call), begun=False)
    joined.provider = both.provider
    pcm = sine(440, SECONDS, call.rate)
    size = call.rate * joined.dialect.grain // 1_000_000 * 2
    plays = [Play("a", pcm[at : at + size], at // 2, 0) for at in range(0, len(pcm), size)]
    names = marks(joined.tell(*plays))
    facts = [fact for name in names for fact in joined.hear(joined.provider.played(name))]
    if case.marks:
        heard = round((SECONDS - held(case, both)) * call.rate)
        near = 0.005 * call.rate if case.late else 0  # what a resampler keeps back
        assert facts[-1] == CallerPlayed("a", pytest.approx(heard, abs=near), 0)


def test_each_key_is_told(case: Case) -> None:
    both = Both(case)
    facts = [fact for key in case.keys for fact in both.hear(both.provider.press(key))]
    assert [fact for fact in facts if isinstance(fact, CallerDigit)] == [
        *map(CallerDigit, case.keys)
    ]
    assert not [fact for fact in facts if isinstance(fact, CallerAudio | CallerLeft)]


def test_the_caller_hangs_up_once(case: Case) -> None:
    both = Both(case)
    if messages := both.provider.hang_up():
        facts = both.hear(messages)
        assert [type(fact) for fact in facts] == [CallerLeft]


def test_what_is_unknown_is_ignored(case: Case) -> None:
    both = Both(case)
    for message in case.ignored:
        assert both.hear([message]) == [], message
    frame = both.tone()[: both.provider.frame * both.dialect.format.width]
    assert both.hear(both.provider.speak(frame)) == [CallerAudio(frame)] or not case.exact


def test_what_only_a_page_can_show_is_not_told(case: Case) -> None:
    both = Both(case)
    assert not both.tell(ShowState("speaking"), ShowNotice("code", "words"))


def test_garbage_breaks_the_protocol_and_says_what_was_expected(case: Case) -> None:
    for message in case.garbage:
        with pytest.raises(WireError, match=r"(?i)expected") as broken:
            Both(case).hear([message])
        assert 1000 < broken.value.code < 5000, message


def test_sound_before_the_beginning_breaks_the_protocol(case: Case) -> None:
    both = Both(case, begun=False)
    frame = both.provider.format.silence(both.provider.frame)
    with pytest.raises(WireError, match=r"(?i)expected"):
        both.hear(both.provider.speak(frame))


def test_a_call_begins_once(case: Case) -> None:
    both = Both(case)
    if case.once:
        with pytest.raises(WireError, match=r"(?i)expected"):
            both.hear(case.provider().begin())
    else:
        assert not [f for f in both.hear(case.provider().begin()) if isinstance(f, CallerJoined)]


def test_two_connections_share_nothing(case: Case) -> None:
    def life(both: Both) -> Iterator[object]:
        yield list(both.facts)
        for play in both.plays():
            yield both.tell(play)
        yield [both.hear(both.provider.played(name)) for name in marks(both.orders)[:2]]
        yield both.tell(Flush(1))
        yield both.hear(both.provider.press("5"))
        for play in both.plays(1):
            yield both.tell(play)
        yield both.hear(both.provider.hang_up())

    alone = list(life(Both(case)))
    together = zip(life(Both(case)), life(Both(case)), strict=True)
    assert [step for step, _ in together] == alone


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def mutated(case: Case, draw: Any) -> Message:
    """A message of the provider with something in it changed, or anything at all."""
    provider = case.provider()
    begin = list(provider.begin())
    frame = provider.format.silence(provider.frame)
    real = [*begin, *provider.speak(frame), *provider.press("5"), *provider.hang_up()]
    real += [message for message, _ in case.heard]
    message: Message = draw(st.sampled_from(real) | st.text() | st.binary())
    if isinstance(message, bytes):
        cut = draw(st.integers(0, len(message)))
        return (
            message[:cut] + draw(st.binary(max_size=4)) + message[cut:][draw(st.integers(0, 3)) :]
        )
    with suppress(ValueError):
        value = json.loads(message)
        if isinstance(value, dict) and value:
            place, key = value, draw(st.sampled_from(sorted(value)))
            if isinstance(value[key], dict) and value[key] and draw(st.booleans()):
                place = value[key]
                key = draw(st.sampled_from(sorted(place)))
            place[key] = draw(ANYTHING)
            return json.dumps(value)
    return message[: draw(st.integers(0, len(message)))]


@given(data=st.data(), begun=st.booleans())
@settings(
    max_examples=120,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_garbage_raises_wire_errors_only(case: Case, data: st.DataObject, begun: bool) -> None:
    both = Both(case, begun=begun)
    with suppress(WireError):
        for _ in range(4):
            list(facts(both.dialect.decode(mutated(case, data.draw))))
