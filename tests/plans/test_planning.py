"""Plans: which assistant answers a call, how it carries sound, and what is known of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from audio import wav
from audio.format import Format, pcm16
from audio.tone import sine
from gateway.assistants.capabilities import Capabilities
from gateway.assistants.target import Target
from gateway.call.events import CallerJoined
from gateway.call.plan import Plan, PlaybackPolicy, PrivacyPolicy
from gateway.callers.bridge import Arrival
from gateway.errors import SettingsError
from gateway.plans.planning import Planner, format_for
from gateway.settings import load

PCMU, PCMA = Format("pcmu", 8_000), Format("pcma", 8_000)
SETTINGS = """
[assistant]
instructions = "You answer."
voice = "alloy"

[assistants.french]
kind = "openai"
api_key = "sk-nobody"
language = "fr"
instructions = "Vous répondez."

[assistants.local]
kind = "embedded"

[[lines]]
called = "+33*"
assistant = "french"
greeting = "Say bonjour."

[[lines]]
bridge = "twilio"
parameters = { tenant = "ac*" }
voice = "cedar"
instructions = ""

[[lines]]
caller = "anonymous"
assistant = "local"
"""


def planner(tmp_path: Path, text: str = SETTINGS) -> Planner:
    file = tmp_path / "trunkline.toml"
    file.write_text(text)
    target = Target(kind="embedded", base_url="http://127.0.0.1:1/v1")
    return Planner(load(file, {}), target, "http://127.0.0.1:2/v1")


def plan(
    planner: Planner,
    bridge: str = "twilio",
    caller: str = "+15550100",
    called: str = "+15550101",
    wire: Format = PCMU,
    **metadata: str,
) -> tuple[Plan, Target]:
    joined = CallerJoined(caller, called=called, metadata=metadata)
    booking = planner.arrival("call_1", Arrival(bridge, joined, wire, 600_000, 200_000), ())
    return booking.plan, booking.target


def test_a_call_that_no_line_is_for_goes_to_the_assistant(tmp_path: Path) -> None:
    made, target = plan(planner(tmp_path))
    assert (made.instructions, made.voice, made.greeting) == ("You answer.", "alloy", "")
    assert target.base_url == "http://127.0.0.1:1/v1"


def test_the_number_that_was_called_chooses_the_assistant(tmp_path: Path) -> None:
    made, target = plan(planner(tmp_path), called="+33155501234", tenant="acme")
    assert (made.instructions, made.language) == ("Vous répondez.", "fr")
    assert made.greeting == "Say bonjour."
    assert made.voice != "cedar"  # the first line that fits is the only one
    assert target.kind == "openai"


def test_custom_parameters_change_what_a_line_names_and_nothing_else(tmp_path: Path) -> None:
    made, target = plan(planner(tmp_path), tenant="acme")
    assert (made.voice, made.instructions) == ("cedar", "")
    assert target.kind == "embedded"
    assert plan(planner(tmp_path), tenant="other")[0].voice == "alloy"
    assert plan(planner(tmp_path), bridge="telnyx", tenant="acme")[0].voice == "alloy"


def test_an_embedded_assistant_of_a_line_is_found_where_it_listens(tmp_path: Path) -> None:
    assert plan(planner(tmp_path), caller="anonymous")[1].base_url == "http://127.0.0.1:2/v1"


def test_what_is_known_of_a_call_stands_in_its_plan(tmp_path: Path) -> None:
    made, _ = plan(planner(tmp_path), tenant="acme", bridge="twilio")
    assert made.metadata == {
        "tenant": "acme",
        "bridge": "twilio",
        "from": "+15550100",
        "to": "+15550101",
    }


def test_a_parameter_cannot_pretend_to_be_the_caller(tmp_path: Path) -> None:
    joined = CallerJoined("+15550100", metadata={"from": "+1999", "bridge": "none"})
    arrival = Arrival("twilio", joined, PCMU, 600_000, 200_000)
    made = planner(tmp_path).arrival("call_1", arrival, ()).plan
    assert made.metadata == {"from": "+15550100", "bridge": "twilio"}


def test_the_bridge_says_how_far_ahead_sound_is_sent(tmp_path: Path) -> None:
    made, _ = plan(planner(tmp_path))
    assert made.playback == PlaybackPolicy(lead=600_000, grain=200_000)


@pytest.mark.parametrize(
    ("wire", "able", "call"),
    [
        (PCMU, Capabilities(), PCMU),
        (PCMA, Capabilities(), PCMA),
        (PCMU, Capabilities(formats=frozenset({"pcm"})), pcm16(8_000)),
        (Format("pcmu", 16_000), Capabilities(), pcm16(16_000)),
        (pcm16(16_000), Capabilities(), pcm16(16_000)),
        (Format("pcm16be", 16_000), Capabilities(), pcm16(16_000)),
        (pcm16(48_000), Capabilities(), pcm16(24_000)),
    ],
)
def test_sound_is_converted_as_seldom_as_can_be(
    wire: Format, able: Capabilities, call: Format
) -> None:
    assert format_for(wire, able) == call


def test_a_line_that_names_nobody_is_found_before_any_call(tmp_path: Path) -> None:
    made = planner(tmp_path, '[[lines]]\nassistant = "spanish"\n')
    with pytest.raises(SettingsError, match=r"number 1 names the assistant 'spanish'.*there are"):
        made.check()
    planner(tmp_path).check()


def test_what_is_wrong_with_an_assistant_is_said_of_the_section_it_stands_in(
    tmp_path: Path,
) -> None:
    wrong = '[assistants.backup]\nkind = "azure"\nbase_url = "https://a.example"\napi_key = "k"\n'
    with pytest.raises(SettingsError, match=r"^\[assistants\.backup\] model: expected the name"):
        planner(tmp_path, wrong).check()


@pytest.mark.parametrize("content", [None, b"", b"no sound"])
def test_a_sentence_for_who_waits_that_cannot_be_played_is_found_before_any_call(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "wait.wav").write_bytes(content)
    made = planner(tmp_path, '[recovery]\nhold_file = "wait.wav"\n')
    with pytest.raises(SettingsError, match=r"recovery\.hold_file: .*wait\.wav"):
        made.check()


def test_a_sentence_of_ones_own_is_said_to_who_waits(tmp_path: Path) -> None:
    wav.write(tmp_path / "wait.wav", sine(440.0, 0.5, 8_000), 8_000)
    made = planner(tmp_path, '[recovery]\nhold_file = "wait.wav"\n')
    made.check()
    plan = made.browser("call_1", ()).plan
    assert plan.count(plan.hold_notice) == pytest.approx(plan.rate / 2, abs=50)
    assert 0 < plan.count(plan.hold_tone) < plan.rate / 2


def test_a_tenant_and_a_line_say_what_may_be_kept(tmp_path: Path) -> None:
    made = planner(
        tmp_path,
        """
        [privacy]
        recording = "off"
        consent_phrase = "May we?"
        [privacy.tenants.acme]
        recording = "consent"
        transcripts = "off"
        [[lines]]
        called = "+1555010*"
        tenant = "acme"
        [[lines]]
        called = "+2*"
        tenant = "acme"
        recording = "on"
        """,
    )
    acme, _ = plan(made, called="+15550101")
    assert acme.privacy == PrivacyPolicy("consent", "off", "May we?")
    assert acme.privacy.asks
    line, _ = plan(made, called="+2")
    assert line.privacy == PrivacyPolicy("on", "off", "May we?")
    other, _ = plan(made, called="+3")
    assert other.privacy == PrivacyPolicy("off", "on", "May we?")
    assert acme.privacy.unasked == PrivacyPolicy("off", "off", "May we?")
