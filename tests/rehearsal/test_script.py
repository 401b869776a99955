"""The script of a sample caller."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.rehearsal.script import (
    Interrupt,
    Keep,
    Press,
    Say,
    ScriptError,
    Think,
    Turn,
    Type,
    load,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def write(tmp_path):
    (tmp_path / "hello.wav").write_bytes(b"")

    def write(text: str) -> Path:
        path = tmp_path / "calls" / "call.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    return write


def test_the_shipped_script_asks_interrupts_and_says_goodbye():
    script = load(ROOT / "samples/conversations/order.toml")
    commands = ROOT / "samples/audio/commands"
    assert script.turns == (
        Turn(Say(commands / "where_is_my_order.wav"), Think(0.6)),
        Turn(Say(commands / "when_ship.wav"), Interrupt(1.2)),
        Turn(Say(commands / "thanks_goodbye.wav"), Think(0.8)),
    )
    assert script.tools == (str(ROOT / "samples/orderdesk.py"),)
    assert script.name == "Where is my order?"
    assert script.instructions.startswith("You answer the telephone")
    assert script.timeout == 60.0


def test_a_turn_may_be_speech_text_keys_or_silence(write):
    script = load(
        write(
            'tools = ["shop.tools"]\n'
            '[[turn]]\nsay = "hello.wav"\n'
            '[[turn]]\ntext = " Hello? "\nthink = 2\n'
            '[[turn]]\ndigits = "12#"\ninterrupt_after = 0\n'
            "[[turn]]\nsilence = 3.5\n"
        )
    )
    assert [turn.act for turn in script.turns[1:]] == [Type("Hello?"), Press("12#"), Keep(3.5)]
    assert [turn.when for turn in script.turns] == [
        Think(0.6),
        Think(2.0),
        Interrupt(0.0),
        Think(0.6),
    ]
    assert script.name == "call"
    assert script.tools == ("shop.tools",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("turns = 1", "turns: no such key; did you mean turn?"),
        ("zebra = 1", "zebra: no such key; known are name, tools"),
        ("name = ", "not TOML"),
        ('name = "x"', "turn: expected at least one table"),
        ("turn = [1]", "turn 1: expected a table"),
        ("name = 3\n[[turn]]\nsilence = 1", "name: expected a string, came 3"),
        ('tools = "a.py"\n[[turn]]\nsilence = 1', "tools: expected a list of strings"),
        ('tools = ["no.py"]\n[[turn]]\nsilence = 1', "tools: expected a file in"),
        ("timeout = 0\n[[turn]]\nsilence = 1", "timeout: expected seconds from 1 to 3600, came 0"),
        ("[[turn]]\nthink = 1", "turn 1: nothing to do; give one of say, text, digits, silence"),
        ('[[turn]]\nsilence = 1\n[[turn]]\nsay = "no.wav"', "turn 2: say: expected a file in"),
        ('[[turn]]\nsay = "a\\u0000.wav"', "turn 1: say: expected a file in"),
        (f'[[turn]]\nsay = "{"a" * 5000}"', "turn 1: say: expected a file in"),
        ('[[turn]]\ntext = "a"\nsilence = 1', "text and silence: give one of them"),
        ('[[turn]]\ntext = "a"\nthink = 1\ninterrupt_after = 1', "think and interrupt_after"),
        ('[[turn]]\ntext = ""', "text: expected words"),
        ('[[turn]]\ndigits = "12x"', "digits: expected keys out of 0-9 * # A-D, came '12x'"),
        ("[[turn]]\nsilence = true", "silence: expected seconds"),
        ("[[turn]]\nsilence = nan", "silence: expected seconds"),
        ('[[turn]]\ntext = "a"\nthink = -1', "came -1; write for example think = 0.6"),
    ],
)
def test_a_wrong_script_names_its_file_its_key_and_a_valid_value(write, text, says):
    path = write(text)
    with pytest.raises(ScriptError) as told:
        load(path)
    assert str(told.value).startswith(f"{path}: ")
    assert says in str(told.value)


def test_a_script_that_is_not_there_says_so(tmp_path):
    with pytest.raises(ScriptError, match=r"none\.toml: cannot be read: No such file"):
        load(tmp_path / "none.toml")


def test_a_byte_order_mark_of_an_editor_is_no_part_of_the_script(write):
    assert load(write("\ufeff[[turn]]\nsilence = 1")).turns == (Turn(Keep(1.0), Think(0.6)),)
