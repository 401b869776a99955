"""`trunkline load`: how a gateway does under many calls, or how many calls it holds."""

from __future__ import annotations

import argparse
import ipaddress
import json
import math
import os
import socket
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.errors import TrunklineError

if TYPE_CHECKING:
    from gateway.load.lines.ways import Target
    from gateway.load.run import Wanted

PROTOCOLS = ("twilio", "audiosocket", "realtime", "webrtc")
TOKEN = "LOAD_TOKEN"  # a variable: what stands on a command line, others can read
SPEECH = ("something.wav", "goforward.wav", "cards_002.wav")
AUDIO_KEPT = 50  # calls of which every turn's audio may be compared; of more, fewer turns
TOOLS = ("picows", "psutil")
LIMITS_MS = {"webrtc": 150.0}  # aiortc's own jitter buffer holds 90 of them back
SPARE_FILES = 100  # that a process has open beside those of its calls


class LoadError(TrunklineError):
    """The command line asks for what cannot be."""


def _number(least: float, most: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"expected {least:g} to {most:g}, got {text!r}")
        return value

    return number


def _up_to(most: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"expected a number from 1 to {most}, got {text!r}")
        return int(text)

    return count


_count = _up_to(100_000)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("target", nargs="?", help="address of a gateway; without it one is started on this machine")
    add("--via", choices=PROTOCOLS, help="protocol of the calls (twilio, or as the address says)")
    add("--calls", type=_count, default=20, help="calls at once; with --find, to begin with (20)")
    add("--find", action="store_true", help="find how many calls it holds within the limits")
    add("--most", type=_count, default=2000, help="calls that --find tries at most (2000)")
    add("--limit-ms", type=_number(0.1, 1e5), help="added latency, p99 (50; 150 over webrtc)")
    add("--limit-loss", type=_number(0, 100), default=0.1, help="lost sound in percent (0.1)")
    add("--seconds", type=_number(1, 86400), default=30.0, help="of talk, in each stage (30)")
    add("--minutes", type=_number(0.1, 1440), default=10.0, help="in all, at most (10)")
    add("--ramp", type=_number(0.1, 1000), default=10.0, help="calls placed in a second (10)")
    add("--speech", type=Path, nargs="+", help="what callers say: sound files (samples)")
    add("--think", type=_number(0.3, 600), default=1.0, help="seconds between answer and question")
    add("--barge-in", type=_number(0, 100), default=25.0, help="answers cut short, percent (25)")
    add("--answer", type=_number(0.5, 60), default=2.0, help="seconds the model speaks (2)")
    add("--model-ms", type=_number(0, 60000), default=0.0, help="time the model takes to think (0)")
    add("--model", metavar="[HOST:]PORT", help="where the scripted model listens for a TARGET")
    add("--workers", type=_up_to(256), default=1, help="of the gateway that is started (1)")
    add(
        "--testers",
        type=_up_to(64),
        default=1,
        help="processes that the callers are spread over (1)",
    )
    add(
        "--pin", action="store_true", help="the gateway on one core, the test on the others (Linux)"
    )
    add(
        "--pid", type=_up_to(2**22), default=0, help="of TARGET on this machine, for CPU and memory"
    )
    add("--metrics", default="", metavar="URL", help="of TARGET's /metrics, where it is elsewhere")
    add("--json", type=Path, metavar="FILE", help="write the figures there; - for stdout")
    add("--html", type=Path, metavar="FILE", help="write a report with plots there")
    add("--yes", action="store_true", help="do not ask before calling another machine")


def run(args: argparse.Namespace) -> int:
    if missing := [name for name in TOOLS if find_spec(name) is None]:
        raise LoadError(
            f'load tests need {" and ".join(missing)}: python -m pip install "trunkline[load]"'
        )
    import asyncio

    from rich.console import Console

    from gateway.load import report, result
    from gateway.load.run import run as run_test
    from gateway.load.show import showing, sum_up

    wanted = wanted_of(args)
    for path in (args.json, args.html):
        _check_place(path)
    _check_room(wanted)
    if wanted.target is not None:
        ask_first(wanted.target, args.calls, yes=args.yes)
    console = Console(highlight=False, stderr=str(args.json) == "-")
    with showing(console) as show:
        try:
            test = asyncio.run(run_test(wanted, show.see))
        except asyncio.CancelledError:  # told to end before there was anything to tell
            return 130
    found = result.result(test)
    sum_up(console, found, test)
    if args.json is not None:
        text = json.dumps(found, indent=1) + "\n"
        if str(args.json) == "-":
            sys.stdout.write(text)
        else:
            _write(args.json, text)
    if args.html is not None:
        _write(args.html, report.page(found))
        console.print(f"report: {args.html}", soft_wrap=True)
    return 0 if found["well"] else 1


def wanted_of(args: argparse.Namespace) -> Wanted:
    """What the command line asks for. Raises TrunklineError."""
    from gateway.load.caller import Behaviour
    from gateway.load.run import Wanted
    from gateway.load.script import Script
    from gateway.load.verdict import Limits

    target, model = _sides(args)
    _check_page(args.metrics)
    protocol = target.protocol if target is not None else args.via or "twilio"
    every = max(1, (args.most if args.find else args.calls) // AUDIO_KEPT)
    known = args.answer if model is not None else 0.0
    return Wanted(
        speech=tuple(args.speech or _samples()),
        target=target,
        protocol=protocol,
        config=args.config.resolve() if args.config else None,
        workers=args.workers,
        model=model,
        calls=args.calls,
        per_second=args.ramp,
        seconds=args.seconds,
        minutes=args.minutes,
        find=args.find,
        most=max(args.most, args.calls),
        behaviour=Behaviour(think=args.think, barge_in=args.barge_in / 100, answer=known),
        script=Script(answer=args.answer, think=args.model_ms / 1000, looked_at=every),
        limits=Limits(
            added_ms=args.limit_ms or LIMITS_MS.get(protocol, 50.0), loss=args.limit_loss / 100
        ),
        pid=args.pid,
        metrics=args.metrics,
        metrics_token=os.environ.get("TRUNKLINE_SERVER__TOKEN", ""),
        testers=args.testers,
        pin=args.pin,
    )


def _sides(args: argparse.Namespace) -> tuple[Target | None, tuple[str, int] | None]:
    """The gateway that is to be called, and where the scripted model is to listen."""
    from gateway.load.lines.ways import target_of

    if args.target is None:
        if given := [name for name in ("model", "pid", "metrics") if getattr(args, name)]:
            raise LoadError(f"--{given[0]} is for a TARGET; the gateway of our own needs none")
        return None, ("127.0.0.1", 0)
    target = target_of(args.target, args.via, os.environ.get(TOKEN, ""))
    model = _free(*_place(args.model)) if args.model else None
    if args.workers > 1 or args.config:
        raise LoadError("--workers and --config are for a gateway of our own; leave out TARGET")
    return target, model


def ask_first(target: Target, calls: int, *, yes: bool) -> None:
    """Nobody else's machine is loaded without a word. Raises LoadError."""
    host = urlsplit(target.url).hostname or ""
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(host, None)}
    except OSError:
        raise LoadError(f"{host!r} names no machine; see how it is spelled") from None
    if all(ipaddress.ip_address(one.partition("%")[0]).is_loopback for one in found) or yes:
        return
    what = (
        f"{calls} calls or more to {host} ({', '.join(sorted(found))}), which is not this machine"
    )
    if not sys.stdin.isatty():
        raise LoadError(f"{what}: say --yes if it is yours to load")
    sys.stderr.write(f"{what}. Is it yours to load? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise LoadError("no call was placed")


def _check_page(url: str) -> None:
    try:
        parts = urlsplit(url)
        good = not url or (parts.scheme in ("http", "https") and bool(parts.hostname))
    except ValueError:  # of brackets that do not close
        good = False
    if not good:
        raise LoadError(
            f"--metrics: expected an address such as http://127.0.0.1:8080/metrics, and {url!r}"
            " came"
        )


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise LoadError(f"--model: expected a port, or host:port, and {text!r} came")
    return host.strip("[]") or "127.0.0.1", int(port)


def _free(host: str, port: int) -> tuple[str, int]:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as bound:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
    except OSError as error:
        raise LoadError(
            f"--model: cannot listen on {host}:{port}: {error.strerror}; name another port, here"
            " and in the gateway's base_url"
        ) from None
    return host, port


def _samples() -> list[Path]:
    from gateway.files import samples_dir

    return [samples_dir() / "audio" / "human" / name for name in SPEECH]


def _check_place(path: Path | None) -> None:
    """Whether a file can be written there, before minutes go by for it."""
    if path is None or str(path) == "-":
        return
    if not path.resolve().parent.is_dir():
        raise LoadError(f"{path}: there is no folder {path.resolve().parent}; make it first")
    was_there = path.exists()
    try:
        with path.open("ab"):
            pass
    except OSError as error:
        raise LoadError(f"{path} cannot be written: {error.strerror}; name another file") from None
    if not was_there:
        path.unlink()


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise LoadError(
            f"{path} could not be written: {error.strerror}; the figures stand above"
        ) from None


def _check_room(wanted: Wanted) -> None:
    """Whether so many calls can be placed in the time there is, and opened by this machine."""
    from gateway.running.descriptors import allow

    takes = wanted.calls / wanted.per_second / 60
    if takes >= wanted.minutes:
        raise LoadError(
            f"{wanted.calls} calls at {wanted.per_second:g} a second take {takes:.0f} minutes to"
            f" place, and --minutes is {wanted.minutes:g}: raise --ramp or --minutes"
        )
    needs = wanted.calls + SPARE_FILES
    tried = wanted.most + SPARE_FILES if wanted.find else needs
    if (allowed := allow(tried)) < needs:  # of all that take part, each
        raise LoadError(
            f"{wanted.calls} calls want {needs} open files, and this system allows {allowed}:"
            " raise that as its administrator, or place fewer"
        )
