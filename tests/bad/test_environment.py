"""What the machine may do to a gateway in mid-call: stop it, fill its disk, kill its assistant."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.rehearsal.caller import SampleCaller
from gateway.rehearsal.conversation import Conversation
from gateway.rehearsal.script import Interrupt, Keep, Script, Think, Turn, Type
from gateway.rehearsal.sounds import read

pytestmark = [pytest.mark.models, pytest.mark.long]
READY = re.compile(r"(?:http|ws)://127\.0\.0\.1:\d+")


@contextmanager
def trunkline(
    *words: str, prepare: Callable[[], None] | None = None, **variables: str
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A command that serves, in a process of its own, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", *words, "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TRUNKLINE_LIMITS__LAG_MS": "0", **variables},
        preexec_fn=prepare,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := READY.search(line):
                break
        else:
            pytest.fail("it did not start")
        yield found.group(), process
    finally:
        process.kill()
        process.communicate()


async def talk(address: str, *turns: Turn) -> Conversation:
    script = Script("someone", turns)
    return await SampleCaller(script, read(script)).call(
        address.replace("http", "ws", 1) + "/browser"
    )


def written(text: str, seconds: float = 0.3) -> Turn:
    return Turn(Type(text), Think(seconds))


async def test_a_gateway_that_is_told_to_stop_lets_the_answer_be_heard() -> None:
    class Stopper:
        """Watches the call, and stops the gateway when the answer has begun."""

        def __init__(self, process: subprocess.Popen[str]) -> None:
            self.process = process
            self.told = False

        def __getattr__(self, name: str) -> Callable[..., None]:
            def seen(*args: object, **_: object) -> None:
                answered = name == "line" and getattr(args[1], "who", "") == "assistant"
                if answered and not self.told:
                    self.told = True
                    self.process.send_signal(signal.SIGTERM)

            return seen

    with trunkline("serve") as (address, process):
        script = Script("someone", (written("What can you do?"), Turn(Keep(9.0), Think(0.0))))
        caller = SampleCaller(script, read(script), watcher=Stopper(process))
        conversation = await caller.call(address.replace("http", "ws", 1) + "/browser")
        assert conversation.complete, "live calls may finish"
        (answer,) = [line for line in conversation.transcript if line.who == "assistant"]
        assert not answer.cut
        assert process.wait(60) == 0


async def test_a_full_disk_under_the_recorder_does_not_touch_the_call(tmp_path: Path) -> None:
    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    kept = {"TRUNKLINE_TAPS__RECORDING": str(tmp_path), "TRUNKLINE_LOG__FORMAT": "json"}
    with trunkline("serve", prepare=little_room, **kept) as (address, process):
        conversation = await talk(address, Turn(Keep(4.0), Think(0.0)), written("What time is it?"))
        assert conversation.complete
        assert conversation.tool_calls[0].name == "current_time"
        process.terminate()
        _, log = process.communicate(timeout=60)
    (failed,) = [one for one in map(json.loads, log.splitlines()) if "tap" in one]
    assert failed["tap"] == "Recording"
    assert str(tmp_path) in failed["error"]
    (recorded,) = tmp_path.glob("*.wav")
    assert recorded.stat().st_size <= 200_000


async def test_an_assistant_that_is_killed_is_said_to_the_caller() -> None:
    with trunkline("assistant") as (model, brain):
        to_it = {
            "TRUNKLINE_ASSISTANT__KIND": "compatible",
            "TRUNKLINE_ASSISTANT__BASE_URL": model.replace("ws", "http", 1) + "/v1",
            "TRUNKLINE_ASSISTANT__MODEL": "trunkline",
            "TRUNKLINE_RECOVERY__PATIENCE_S": "2",
        }

        class Killer:
            def __getattr__(self, name: str) -> Callable[..., None]:
                def seen(*args: object, **_: object) -> None:
                    if name == "line" and getattr(args[1], "who", "") == "assistant":
                        brain.kill()

                return seen

        with trunkline("serve", **to_it) as (address, _):
            turns = (written("What can you do?"), Turn(Keep(1.0), Interrupt(30.0)))
            script = Script("someone", turns)
            caller = SampleCaller(script, read(script), watcher=Killer())
            conversation = await caller.call(address.replace("http", "ws", 1) + "/browser")
    assert "assistant_lost" in [notice.code for notice in conversation.notices]
    assert "nothing listens there" in conversation.ended
    assert conversation.heard.seconds > 5, "it was said in words"
