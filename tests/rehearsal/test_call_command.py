"""`trunkline call` as it is typed: what it prints, what it keeps, and its exit status."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from audio import wav
from audio.pcm import BYTES
from gateway import cli
from gateway.embedded.faults import Faults
from gateway.embedded.server import ServerOptions
from tests.house import House, PlainMind, open_house

ROOT = Path(__file__).parents[2]
ORDER = ROOT / "samples" / "conversations" / "order.toml"
TOKEN = {"TRUNKLINE_SERVER__TOKEN": "right"}
WHERE = ROOT / "samples" / "audio" / "commands" / "where_is_my_order.wav"


async def trunkline(*arguments: object, cwd: Path) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of the command in a process of its own."""
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from gateway.launch import main"
    prefixes = ("TRUNKLINE_", "OPENAI_")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", f"{start}; sys.exit(main())", *map(str, arguments)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=cwd,
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith(prefixes)},
            **{k: v for k, v in os.environ.items() if k == "TRUNKLINE_CACHE"},
        },
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def objects(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


# ---------------------------------------------------------------- with a gateway of its own


@pytest.mark.models
async def test_json_is_one_object_a_line_and_nothing_else(tmp_path: Path) -> None:
    status, out, err = await trunkline("call", ORDER, "--fast", "--json", cwd=tmp_path)
    assert (status, err) == (0, "")
    lines = objects(out)
    kinds = [line["type"] for line in lines]
    assert kinds[0] == "started"
    assert kinds[-2:] == ["savings", "ended"]
    assert {frozenset(line) for line in lines} == {
        frozenset({"type", "at", "call", "assistant"}),
        frozenset({"type", "at", "who", "text", "cut"}),
        frozenset({"type", "at", "name", "arguments", "status", "output"}),
        frozenset({"type", "at", "seconds"}),
        frozenset({"type", "spoken", "sent", "bytes", "tokens", "usd"}),
        frozenset({"type", "at", "reason", "complete"}),
    }
    said = [(line["who"], line["cut"]) for line in lines if line["type"] == "line"]
    assert ("assistant", True) in said
    assert said[0] == ("caller", False)
    tools = [line for line in lines if line["type"] == "tool"]
    assert tools[0]["arguments"] == {"order_number": "4217"}
    assert lines[-1]["complete"] is True


@pytest.mark.models
async def test_people_read_it_without_colours_where_there_is_no_terminal(tmp_path: Path) -> None:
    kept = tmp_path / "answer.wav"
    tools = ROOT / "samples" / "orderdesk.py"
    status, out, _ = await trunkline(
        *("call", WHERE, "--tools", tools, "--fast", "--out", kept, "--stereo"), cwd=tmp_path
    )
    assert status == 0
    assert "\x1b" not in out
    assert all(line == line.rstrip() for line in out.splitlines())
    for words in ("Where is my order?", 'look_up_order(order_number="4217")', "trimming saved"):
        assert words in out
    assert wav.info(kept).channels == 2


# ---------------------------------------------------------------- at a gateway elsewhere


async def call(house: House, cwd: Path, *more: object) -> tuple[int, list[dict[str, Any]]]:
    url = house.address  # as the page's, for the path is known
    status, out, err = await trunkline("call", WHERE, "--url", url, "--json", *more, cwd=cwd)
    assert err == ""
    return status, objects(out)


async def test_a_gateway_elsewhere_is_called_at_its_address_with_its_token(tmp_path: Path) -> None:
    async with open_house(PlainMind("Yes."), variables=TOKEN) as house:
        status, lines = await call(
            house, tmp_path, "--out", tmp_path / "answer.wav", "--token", "right"
        )
    assert status == 0
    assert lines[-1]["reason"] == "hung up"
    assert ("assistant", "Yes.") in [(line.get("who"), line.get("text")) for line in lines]
    pcm = wav.read(tmp_path / "answer.wav", rate=24_000)
    assert sum(map(bool, pcm[::BYTES])) / 24_000 == pytest.approx(4 * 0.06, abs=0.02)


async def test_a_call_that_ends_early_has_status_1(tmp_path: Path) -> None:
    options = ServerOptions(faults=Faults(drop_after=6))
    impatient = {"TRUNKLINE_RECOVERY__PATIENCE_S": "1"}
    async with open_house(options=options, variables=impatient) as house:
        status, lines = await call(house, tmp_path)
    assert status == 1
    assert lines[-1]["complete"] is False
    assert "assistant_lost" in [line.get("code") for line in lines]


async def test_a_wrong_token_has_status_2(tmp_path: Path) -> None:
    async with open_house(variables=TOKEN) as house:
        status, out, err = await trunkline(
            *("call", WHERE, "--url", house.browser, "--token", "wrong"), cwd=tmp_path
        )
        assert (status, out) == (2, "")
        assert "the gateway does not take the call: Expected" in err


async def test_an_address_where_no_call_is_taken_is_told_apart_from_none(tmp_path: Path) -> None:
    async with open_house() as house:
        nowhere = house.browser.replace("/browser", "/nope")
        status, out, err = await trunkline("call", WHERE, "--url", nowhere, cwd=tmp_path)
        assert (status, out) == (2, "")
        assert f"what answers at {nowhere} takes no call there (HTTP 403)" in err


async def test_a_caller_of_a_gateway_elsewhere_needs_no_key_for_a_model(tmp_path: Path) -> None:
    (tmp_path / "trunkline.toml").write_text('[assistant]\nkind = "openai"\n')
    async with open_house(PlainMind("Yes.")) as house:
        status, _ = await call(house, tmp_path)
        assert status == 0


# ---------------------------------------------------------------- what is refused beforehand


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without settings, where the command is typed."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("TRUNKLINE_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.wav"], "none.wav does not exist; name a sound file"),
        (["text.wav"], "text.wav is not a sound file that can be read"),
        (["empty.wav"], "empty.wav is empty, 0 bytes"),
        (["nothing.wav"], "nothing.wav is a sound file without sound"),
        (["hour.wav"], "hour.wav lasts 3600 s, and at most 600 s are taken; cut it"),
        (["bad.toml"], "bad.toml: turn 1: sy: no such key; did you mean say?"),
        (["good.wav", "bad.toml"], "expected either one script or sound files"),
        (["good.wav", "--fast", "--url", "ws://h/browser"], "--fast turns a clock of its own"),
        (["good.wav", "--tools", "t.py", "--url", "ws://h"], "the one at --url has its own"),
        (["good.wav", "--token", "t"], "--token is for the gateway at --url"),
        (["good.wav", "--stereo"], "--stereo says how --out is written"),
        (["good.wav", "--out", "no/such/folder/a.wav"], "cannot be written"),
        (["good.wav", "--url", "localhost:8080"], "expected an address such as ws://"),
        (["good.wav", "--url", "ws://127.0.0.1:9"], "no gateway takes the call"),
        (["good.wav", "--config", "far.toml", "--fast"], "the assistant of these settings runs"),
        (["good.wav", "--tools", "none.py"], "cannot load tools from"),
    ],
)
def test_bad_input_is_told_before_any_call_with_status_2(
    nowhere: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    (nowhere / "text.wav").write_text("this is no sound")
    (nowhere / "empty.wav").touch()
    (nowhere / "bad.toml").write_text('[[turn]]\nsy = "good.wav"\n')
    (nowhere / "far.toml").write_text('[assistant]\nkind = "openai"\napi_key = "k"\n')
    wav.write(nowhere / "good.wav", bytes(4800), 24_000)
    wav.write(nowhere / "nothing.wav", b"", 24_000)
    if "hour.wav" in arguments:
        wav.write(nowhere / "hour.wav", bytes(3600 * 8000 * BYTES), 8000)
    assert cli.main(["call", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert words in told.err
    assert told.err.startswith("trunkline: ")
