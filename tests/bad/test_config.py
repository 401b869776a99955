"""What an operator gets wrong: one sentence, status 2, and no traceback; or a call that goes on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway import cli
from gateway.embedded.prepare import prepare
from gateway.embedded.server import Assistant, ServerOptions, serve
from gateway.rehearsal.caller import SampleCaller
from gateway.rehearsal.conversation import Conversation
from gateway.rehearsal.script import Script, Think, Turn, Type
from tests.bad.street import ROOT
from tests.house import EchoEars, PlainMind, ToneMouth

KEY = "sk-sesame-0123456789"
WORDS = "My password is rhubarb."
TOOL = '''
from tools import tool

@tool
def look(colour: str = "vermilion") -> str:
    """Look it up."""
    return "The secret is " + colour
'''


def environ(**more: str) -> dict[str, str]:
    prefixes = ("TRUNKLINE_", "OPENAI_", "COV")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(prefixes)}
    kept |= {"PYTHONPATH": str(ROOT), "TRUNKLINE_LIMITS__LAG_MS": "0"}  # however busy it is here
    return {**kept, **more}


def serve_fails(folder: Path, *words: str, **variables: str) -> str:
    """What `trunkline serve` says when it cannot start: one line."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "serve", "--port", "0", *words],
        cwd=folder,
        env=environ(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    said = [line for line in done.stderr.splitlines() if line.startswith("trunkline: ")]
    assert len(said) == len(done.stderr.splitlines()) == 1, done.stderr
    return said[0]


# ---------------------------------------------------------------- it does not start

COMPATIBLE = '[assistant]\nkind = "compatible"\nbase_url = "http://127.0.0.1:1/v1"\nmodel = "m"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[server]\nprot = 1\n", "did you mean server.port?"),
        ("[sever]\nport = 1\n", "did you mean server.port?|there is no key sever"),
        ("port = 1\n", "did you mean server.port?"),
        ("[server]\nmax_calls = 'ten'\n", "server.max_calls should be .* but is 'ten'"),
        ("[turns]\nbarge_in_ms = 70000\n", "turns.barge_in_ms should be .* but is 70000"),
        ("[idle]\nafter_s = 'x'\n", "idle.after_s should be"),
        ("[server]\nmax_calls = 1.5\n", "server.max_calls should be"),
        ("[server]\norigins = 'https://a.example'\n", "server.origins should be"),
        ("[server]\norigins = ['a.example']\n", "server.origins should be"),
        ("server = 5\n", "server"),
        ("[turns]\nhang_over_ms = nan\n", "turns.hang_over_ms should be"),
        ("[idle]\nafter_s = inf\n", "idle.after_s should be"),
        ("[tools]\nmodules = 'a.py'\n", "tools.modules should be"),
        ("[server\n", "is not valid TOML: .*line 5"),
        ("[server]\nport = 1\nport = 2\n", "is not valid TOML"),
        ("\x00", "is not valid TOML"),
    ],
)
def test_a_file_of_settings_that_is_wrong_is_one_sentence(
    text: str,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    also = "" if "[assistant]" in text else COMPATIBLE
    separate = text if text.startswith(("port", "server", "\0")) else ""
    rest = "" if separate else text
    (tmp_path / "trunkline.toml").write_text(separate + also + rest)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["serve"]) == 2
    said = capsys.readouterr().err
    assert re.search(says, said), said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("gone.py", "gone.py: there is no such file"),
        ("no.such.module", "no.such.module"),
        ("broken.py", "broken.py, line 1: SyntaxError"),
    ],
)
def test_tools_that_cannot_be_loaded_are_said_with_their_place(
    tmp_path: Path, module: str, says: str
) -> None:
    (tmp_path / "broken.py").write_text("def (")
    (tmp_path / "trunkline.toml").write_text(f"{COMPATIBLE}[tools]\nmodules = ['{module}']\n")
    assert says in serve_fails(tmp_path)


def test_settings_that_are_no_text_or_a_folder_are_said(tmp_path: Path) -> None:
    (tmp_path / "trunkline.toml").write_bytes(b"\xff\xfe\x00")
    assert "it is not UTF-8 text" in serve_fails(tmp_path)
    assert "cannot be read" in serve_fails(tmp_path, "--config", str(tmp_path))
    assert "No such file" in serve_fails(tmp_path, "--config", str(tmp_path / "gone.toml"))


def test_a_secret_that_is_of_a_wrong_kind_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "trunkline.toml").write_text("[assistant]\napi_key = 20261121\n")
    assert "20261121" not in serve_fails(tmp_path)
    (tmp_path / "trunkline.toml").write_text('[assistant]\napi_key = "sk two words"\n')
    assert "two words" not in serve_fails(tmp_path)


@pytest.mark.models
@pytest.mark.parametrize("harm", ["gone", "empty", "cut short", "other bytes"])
def test_a_speech_model_that_is_spoilt_is_said_with_what_to_do(tmp_path: Path, harm: str) -> None:
    made = prepare()
    spoilt = tmp_path / "moonshine" / made.name
    spoilt.mkdir(parents=True)
    for file in made.iterdir():
        (spoilt / file.name).symlink_to(file)
    victim = spoilt / "kv.onnx"
    data = victim.read_bytes()
    victim.unlink()
    if harm != "gone":
        victim.write_bytes({"empty": b"", "cut short": data[:1000]}.get(harm, b"\0" + data[1:]))
    said = serve_fails(tmp_path, TRUNKLINE_CACHE=str(tmp_path))
    assert "trunkline prepare --force" in said


@pytest.mark.models
def test_a_cache_that_cannot_be_written_is_said_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = serve_fails(tmp_path, TRUNKLINE_CACHE=str(tmp_path / "file" / "below"))
    assert "TRUNKLINE_CACHE" in said


# ---------------------------------------------------------------- it starts, and the call goes on


@dataclass
class Served:
    address: str
    log: str = ""

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.splitlines()]


@contextmanager
def serving(folder: Path, variables: Mapping[str, str]) -> Iterator[Served]:
    """A gateway in a process of its own, stopped at the end; then what it wrote is known."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "serve", "--port", "0"],
        cwd=folder,
        env=environ(TRUNKLINE_LOG__FORMAT="json", **variables),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        first = ""
        while '"ready"' not in first:
            first = process.stderr.readline()
            assert first, "it did not start"
        served = Served(json.loads(first)["address"])
        yield served
        process.send_signal(signal.SIGTERM)
        served.log = first + process.communicate(timeout=20)[1]
        assert process.returncode == 0, served.log
    finally:
        process.kill()
        process.communicate()


async def one_call(folder: Path, key: str = KEY, **variables: str) -> tuple[Conversation, Served]:
    """A call to a gateway with an assistant of tones, which calls a tool that answers."""
    (folder / "desk.py").write_text(TOOL)
    assistant = Assistant(EchoEars(), PlainMind("Rhubarb is safe with me.", "look"), ToneMouth())
    async with serve(assistant, options=ServerOptions(keys=frozenset({KEY}))) as model:
        settings = {
            "TRUNKLINE_ASSISTANT__KIND": "compatible",
            "TRUNKLINE_ASSISTANT__BASE_URL": model.base_url,
            "TRUNKLINE_ASSISTANT__MODEL": "trunkline",
            "TRUNKLINE_ASSISTANT__API_KEY": key,
            "TRUNKLINE_TOOLS__MODULES": str(folder / "desk.py"),
        }
        with serving(folder, settings | variables) as served:
            script = Script("someone", (Turn(Type(WORDS), Think(0.1)),))
            conversation = await SampleCaller(script, {}, name="Ann Orak").call(served.address)
    return conversation, served


TAPS = ("JOURNAL", "RECORDING", "TRANSCRIPTS")


async def test_folders_that_cannot_be_made_are_said_and_the_call_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    kept = {f"TRUNKLINE_TAPS__{name}": "file/below" for name in TAPS}
    conversation, served = await one_call(tmp_path, **kept)
    assert conversation.complete
    assert not conversation.notices
    said = [one for one in served.lines() if "tap" in one]
    assert {one["tap"] for one in said} == {"Journal", "Recording", "Transcripts"}
    assert all(one["level"] == "error" for one in said)


async def test_a_disk_without_room_is_said_once_each_and_the_call_goes_on(tmp_path: Path) -> None:
    """Each tap finds that its file leads to the device that is always full."""
    folder = tmp_path / "full"
    hook = tmp_path / "sitecustomize.py"
    hook.write_text(
        "import secrets\nsecrets.token_hex = lambda size: 'full'\n"  # the call's name is known
    )
    folder.mkdir()
    for ending in (".journal.jsonl", ".wav", ".transcript.jsonl.part"):
        (folder / f"call_full{ending}").symlink_to("/dev/full")
    kept = {f"TRUNKLINE_TAPS__{name}": str(folder) for name in TAPS}
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    conversation, served = await one_call(tmp_path, PYTHONPATH=path, **kept)
    assert conversation.complete
    assert conversation.texts("assistant")
    said = [one["tap"] for one in served.lines() if "tap" in one]
    assert sorted(map(str, said)) == ["Journal", "Recording", "Transcripts"]


async def test_neither_keys_nor_words_nor_arguments_reach_the_log(tmp_path: Path) -> None:
    secret = {"TRUNKLINE_LOG__LEVEL": "debug", "PYTHONASYNCIODEBUG": "1"}
    conversation, served = await one_call(tmp_path, **secret)
    assert conversation.tool_calls[0].output == "The secret is vermilion"
    assert any(one["level"] == "debug" for one in served.lines())
    for word in ("sesame", "rhubarb", "Rhubarb", "vermilion", "password", "Orak", "colour"):
        assert word not in served.log, word


async def test_a_key_that_is_refused_does_not_reach_the_log_nor_the_caller(tmp_path: Path) -> None:
    secret = {"TRUNKLINE_LOG__LEVEL": "debug"}
    conversation, served = await one_call(tmp_path, key="sk-wrong-open-sesame", **secret)
    assert "assistant_lost" in [notice.code for notice in conversation.notices]
    assert "sesame" not in served.log + repr(conversation)
