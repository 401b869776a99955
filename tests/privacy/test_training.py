"""Training data: conversations of callers who agreed, in the chat format, with nothing personal."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

import pytest

from gateway.commands.export import run
from gateway.errors import TrunklineError
from gateway.privacy.aside import aside
from gateway.store.store import open_store
from gateway.store.writes import put
from tests.redaction.examples import CARDS


def turn(call: str, item: str, who: str, said: str, at: int) -> dict[str, object]:
    line = {"call_id": call, "item_id": item, "who": who, "said": said, "heard": said}
    return {**line, "began_at": at, "cut": False}


async def books(folder: Path) -> Path:
    """Three calls: of somebody who agreed, who refused, and who was not asked."""
    async with open_store(str(folder / "trunkline.db"), folder / "spill") as store:
        for name, consent in (("one", "agreed"), ("two", "refused"), ("three", "")):
            head = {"id": name, "metadata": {}, "began_ms": 1, "ended_ms": 2, "tenant": "acme"}
            tool = {"tool_call_id": "t", "name": "look_up", "status": "done", "output": "shipped"}
            rows = [
                put("calls", {**head, "consent": consent, "caller": "ada"}),
                put("turns", turn(name, "a", "caller", f"Where is it? My card is {CARDS[1]}", 1)),
                put("turns", turn(name, "b", "assistant", "It is on its way.", 9)),
                put("tool_calls", {"call_id": name, **tool, "arguments": "{}", "began_at": 5}),
            ]
            for row in rows:
                store.writer.add(row)
    config = folder / "trunkline.toml"
    config.write_text('[store]\nurl = "trunkline.db"\nspill = "spill"\n')
    return config


async def test_only_calls_that_were_agreed_to_are_given_out_to_train_on(tmp_path: Path) -> None:
    config, out = await books(tmp_path), tmp_path / "training.jsonl"
    args = Namespace(config=config, training=True, caller="", tenant=None, out=out)
    assert await aside(run, args) == 0
    (line,) = map(json.loads, out.read_text().splitlines())
    assert [one["role"] for one in line["messages"]] == ["user", "assistant", "tool", "assistant"]
    assert line["messages"][0]["content"] == "Where is it? My card is [card]"
    called = line["messages"][1]["tool_calls"][0]
    assert (called["id"], called["function"]["name"]) == ("t", "look_up")
    assert line["messages"][2] == {"role": "tool", "tool_call_id": "t", "content": "shipped"}
    assert line["tools"] == [{"type": "function", "function": {"name": "look_up"}}]


async def test_the_command_gives_out_what_is_held_or_says_that_nothing_is(tmp_path: Path) -> None:
    config, out = await books(tmp_path), tmp_path / "ada.zip"
    args = Namespace(config=config, training=False, caller="ada", tenant="acme", out=out)
    assert await aside(run, args) == 0
    assert out.stat().st_size > 500
    with pytest.raises(TrunklineError, match="Nothing is held"):
        await aside(run, Namespace(**{**vars(args), "tenant": "globex"}))
    assert not out.exists()
    with pytest.raises(TrunklineError, match="Expected a caller, or --training"):
        run(Namespace(**{**vars(args), "training": True}))
