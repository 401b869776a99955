"""`trunkline load` on the command line: what it prints and writes, what it asks, how it ends."""

from __future__ import annotations

import json
import signal
import sys
from html.parser import HTMLParser
from pathlib import Path
from subprocess import Popen

import psutil
import pytest

from gateway.cli import main
from gateway.running.listening import listen
from tests.services import free_port

SPEECH = Path(__file__).parents[2] / "samples" / "audio" / "commands" / "what_time.wav"


class Page(HTMLParser):
    """What a page names that is not in it, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.foreign: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.foreign += [f"{name}={value}" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.words += data


def test_a_gateway_of_its_own_is_loaded_and_the_report_says_how_it_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, settings = tmp_path / "report.html", tmp_path / "trunkline.toml"
    settings.write_text("[limits]\nlag_ms = 0\n")  # a busy machine refuses none of the calls
    order = [
        "load",
        "--config",
        str(settings),
        "--calls",
        "2",
        "--seconds",
        "2",
        "--think",
        "0.3",
        "--answer",
        "0.8",
    ]
    order += ["--speech", str(SPEECH), "--limit-ms", "10000", "--html", str(page), "--json", "-"]
    status = main(order)
    found = json.loads(capsys.readouterr().out)
    (stage,) = found["stages"]
    assert status == 0, found["stages"]
    assert (stage["calls"], stage["failed"], stage["loss"]) == (2, 0, 0.0)
    assert stage["up"]["count"]
    assert stage["down"]["count"]
    assert stage["memory_mb"] > 20
    assert max(found["series"]["calls"]) == 2
    shown = Page(page.read_text())
    assert not shown.foreign, "it stands by itself"
    assert "Load test: 2 calls" in shown.words
    assert "Everything went well." in shown.words


def test_a_port_that_is_taken_is_told_of_before_the_model_begins(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["load", "ws://127.0.0.1:1/x", "--model", port]) == 2
    assert f"--model: cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


def test_nobody_at_home_is_told_by_cause_and_status(capsys: pytest.CaptureFixture[str]) -> None:
    target = f"ws://127.0.0.1:{free_port()}/twilio/media"
    order = ["load", target, "--calls", "1", "--seconds", "1", "--metrics"]
    assert main([*order, f"http://127.0.0.1:{free_port()}/metrics"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "1 call, nothing listens there" in said
    assert "not well: 1 call failed" in said
    assert "note: of CPU and memory nothing is known" in said
    assert said.count("note:") == 1, "none of a model that was never asked"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["told", "killed"])
def test_nothing_runs_on_where_the_test_itself_is_ended(number: signal.Signals) -> None:
    child = Popen([sys.executable, "-m", "gateway", "load", "--calls", "1"])
    with child:
        test = psutil.Process(child.pid)
        while not any("tied" in " ".join(one.cmdline()) for one in test.children()):
            assert child.poll() is None
        begun = test.children(recursive=True)
        child.send_signal(number)
        assert child.wait(30) in ((130, 1) if number is signal.SIGTERM else (-number,))
    assert not psutil.wait_procs(begun, 30)[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["http://192.0.2.1/twilio/voice"], "say --yes if it is yours to load"),
        (["http://name.invalid/twilio/voice"], "names no machine"),
        (["ftp://127.0.0.1/"], "expected the address of a gateway"),
        (["ws://127.0.0.1:99999/x"], "expected the address of a gateway"),
        (["http://127.0.0.1/x", "--via", "audiosocket"], "for audiosocket audiosocket://"),
        (["http://127.0.0.1/x", "--workers", "2"], "leave out TARGET"),
        (["http://127.0.0.1/x", "--model", "here"], "expected a port"),
        (["--pid", "1"], "--pid is for a TARGET"),
        (["ws://127.0.0.1:1/x", "--metrics", "http://["], "--metrics: expected an address"),
        (["ws://127.0.0.1:1/x", "--pid", "99999"], "has none of id 99999"),
        (["--speech", "no.wav"], "no.wav does not exist"),
        (["--html", "/no/such/folder/report.html"], "make it first"),
        (["--json", "/"], "/ cannot be written: Is a directory"),
        (["--calls", "50000"], "raise --ramp or --minutes"),
    ],
    ids=[
        "elsewhere",
        "nowhere",
        "scheme",
        "port",
        "via",
        "workers",
        "model",
        "pid",
        "metrics",
        "none",
        "wav",
        "html",
        "json",
        "too-many",
    ],
)
def test_what_cannot_be_is_told_before_any_call(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["load", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--calls", "0"],
        ["--calls", "many"],
        ["--seconds", "nan"],
        ["--ramp", "-1"],
        ["--workers", "9999"],
    ],
    ids="=".join,
)
def test_numbers_that_are_none_are_named_with_their_option(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["load", *arguments])
    assert f"argument {arguments[0]}: expected" in capsys.readouterr().err
