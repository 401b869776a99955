"""Calls that are moved to another assistant and back, over real sockets, as the settings say."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.admission.load_reports import LoadReports
from gateway.call.plan import RoutingPolicy, RoutingRule
from gateway.embedded.parts import Heard, Said, Say, Situation, Thought
from gateway.embedded.server import Assistant
from gateway.embedded.server import serve as serve_embedded
from gateway.errors import SettingsError
from gateway.plans.planning import Planner, prices, target_of
from gateway.plans.routing import cast_of
from gateway.replay import Replay
from gateway.running.listening import listen
from gateway.running.opening import listening, open_gateway
from gateway.settings import Settings, load
from gateway.settings.sections import Assistant as Chosen
from gateway.switchboard import Switchboard
from tests.house import EchoEars, House, ToneMouth
from tests.whole import typing

BOTH = """
[assistants.small]
kind = "embedded"
base_url = "{small}"

[[routes]]
assistant = "small"
says = ["opening hours"]
turns = 1

[taps]
journal = "journals"
"""


@dataclass
class Clerk:
    """Answers with its name, and remembers what it was told each time."""

    name: str
    told: list[Situation] = field(default_factory=list)

    async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
        self.told.append(situation)
        yield Say(f"{self.name} is speaking.")

    async def close(self) -> None: ...


@asynccontextmanager
async def two_clerks(folder: Path) -> AsyncIterator[tuple[House, Clerk]]:
    """A gateway that calls reach by a large assistant, and the small one."""
    large, small = Clerk("Large"), Clerk("Small")
    async with AsyncExitStack() as parts:
        addresses = [
            await parts.enter_async_context(
                serve_embedded(Assistant(EchoEars(), clerk, ToneMouth()))
            )
            for clerk in (large, small)
        ]
        file = folder / "trunkline.toml"
        file.write_text(BOTH.format(small=addresses[1].base_url))
        told = {"TRUNKLINE_ASSISTANT__BASE_URL": addresses[0].base_url}
        bound = parts.enter_context(listen("127.0.0.1", 0))
        gateway = await parts.enter_async_context(open_gateway(load(file, told)))
        address = await parts.enter_async_context(listening(gateway, bound))
        yield House(gateway, address), small
        await gateway.switchboard.drain(0)


@pytest.mark.virtual_clock
async def test_a_call_is_moved_to_the_small_assistant_for_a_turn_and_back(tmp_path: Path) -> None:
    async with two_clerks(tmp_path) as (house, small), typing(house) as caller:
        asked = ("What are your opening hours?", "And tomorrow?", "I want to complain.", "Bye.")
        answers = [(await caller.ask(text))["text"] for text in asked]
        assert answers == [f"{name} is speaking." for name in ("Large", "Small", "Large", "Large")]
        lines = small.told[0].lines
        assert Heard("What are your opening hours?") in lines
        assert Said("Large is speaking.") in lines
        assert b"trunkline_taken_over_total" in house.gateway.metrics.page()
        call_id = caller.call_id
    replay = Replay(tmp_path / "journals" / f"{call_id}.journal.jsonl")
    assert list(replay.differences()) == []
    assert replay.events > 20


# ---------------------------------------------------------------- settings

NAMED = """
[assistant]
kind = "openai"
model = "gpt-realtime"
api_key = "sk-nobody"

[assistants.small]
kind = "openai"
model = "gpt-realtime-mini"
api_key = "sk-nobody"

[assistants.expert]
kind = "openai"
model = "gpt-realtime-2"
api_key = "sk-nobody"
"""


def read(folder: Path, text: str) -> Settings:
    file = folder / "trunkline.toml"
    file.write_text(text)
    return load(file, {})


def start(folder: Path, text: str) -> None:
    settings = read(folder, text)
    Planner(settings, target_of(settings.assistant)).check()


def test_assistants_that_routes_name_stand_behind_those_that_stand_in(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        NAMED
        + '[recovery]\nassistants = ["expert"]\n'
        + '[[routes]]\nassistant = "small"\nsays = ["opening  hours", "where are you?"]\n'
        + 'pattern = "h[oe]y"\nturns = 3\n'
        + '[[routes]]\nassistant = "expert"\nlanguages = ["fr"]\nload_percent = 7\n'
        + '[[routes]]\nanswers = "small"\nassistant = ""\nspent_percent = 5\n',
    )
    every: dict[str, Chosen] = {"": settings.assistant, **settings.assistants}
    cast = cast_of(settings, "", lambda name: prices(target_of(every[name]), ""))
    assert cast.names == ("expert", "small")
    words = r"(?<!\w)(?:opening\s+hours|where\s+are\s+you\?)(?!\w)|(?:h[oe]y)"
    rules = (RoutingRule(2, words, 3), RoutingRule(1, languages=("fr",), load_percent=7))
    assert cast.policy == RoutingPolicy(rules, cheaper=2)
    assert re.search(words, "Say, where are  you? I wonder.")
    assert not re.search(words, "reopening hours")
    own = cast_of(settings, "small", lambda name: prices(target_of(every[name]), ""))
    assert [rule.assistant for rule in own.policy.rules] == [0, 1, 0]
    assert own.policy.cheaper == 0, "nobody is cheaper"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('[[routes]]\nassistant = "nobody"\nsays = ["x"]', "routes: number 1 names 'nobody'"),
        ('[[routes]]\nanswers = "nobody"\nsays = ["x"]', "routes: number 1 names 'nobody'"),
        ('[routing]\ncheaper = "nobody"', "routing.cheaper names 'nobody'"),
        ('[[routes]]\nassistant = "small"', "should say when"),
        ('[[routes]]\nassistant = "small"\npattern = "("', "should be a regular expression"),
        ('[[routes]]\nassistant = "small"\nlanguages = ["French"]', 'such as "fr"'),
        ('[[routes]]\nassistant = "small"\nload_percent = 101', "load_percent"),
        ('[[routes]]\nassistant = "small"\nsay = ["x"]', "says"),
    ],
)
def test_routes_that_lead_nowhere_are_refused_at_the_start(
    tmp_path: Path, wrong: str, said: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        start(tmp_path, NAMED + wrong)
    assert said in str(refused.value)


def test_load_is_that_of_the_calls_or_of_the_machine_whichever_is_nearer_its_limit() -> None:
    strain = [0.25]
    reports = LoadReports(Switchboard(4), lambda: strain[0])
    assert reports.percent == 25
    strain[0] = 7.0
    assert reports.percent == 100
