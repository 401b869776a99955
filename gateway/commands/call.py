"""`trunkline call`: be a caller: play recorded speech or a script, and hear the answers."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import TrunklineError
from gateway.settings import Settings, load

if TYPE_CHECKING:
    from gateway.rehearsal.caller import Watcher
    from gateway.rehearsal.conversation import Conversation
    from gateway.rehearsal.script import Script

Place = Callable[["Watcher"], "Conversation"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="sound files to say, or one script (*.toml)",
    )
    parser.add_argument("--url", help="of a gateway's /browser; without it, one is opened in here")
    parser.add_argument("--token", default="", help="that gateway's server.token")
    parser.add_argument("--tools", metavar="FILE", help="a tool module to give to the assistant")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, nothing else")
    parser.add_argument("--out", type=Path, metavar="answer.wav", help="keep what was heard")
    parser.add_argument(
        "--stereo", action="store_true", help="in --out, the caller left and the answers right"
    )
    parser.add_argument("--fast", action="store_true", help="on a virtual clock: do not wait")


def run(args: argparse.Namespace) -> int:
    from gateway import log
    from gateway.rehearsal.sounds import script_of

    _check(args)
    settings = load(args.config, answers=args.url is None)
    _check_clock(args, settings)
    script, sounds = script_of(args.files)
    if args.tools:
        script = replace(script, tools=(*script.tools, _absolute(args.tools)))
    if args.out:
        _try_out(args.out)
    log.setup(settings.log.format, "error")

    def place(watcher: Watcher) -> Conversation:
        from gateway import clock

        wanted = _call(args.url, args.token, settings, script, sounds, watcher)
        return clock.run(wanted) if args.fast else asyncio.run(wanted)

    conversation = _in_json(place) if args.json else _in_words(place, virtual=args.fast)
    if args.out:
        conversation.save(args.out, both=args.stereo)
    return 0 if conversation.complete else 1


async def _call(
    url: str | None,
    token: str,
    settings: Settings,
    script: Script,
    sounds: Mapping[Path, bytes],
    watcher: Watcher,
) -> Conversation:
    from gateway.rehearsal.caller import SampleCaller
    from gateway.rehearsal.house import furnish, open_house

    async with AsyncExitStack() as parts:
        if url is None:
            ours = furnish(settings, script.tools, script.instructions)
            url = (await parts.enter_async_context(open_house(ours))).url
            token = settings.server.token.reveal()
        return await SampleCaller(script, sounds, watcher=watcher).call(url, token)


def _in_json(place: Place) -> Conversation:
    from gateway.rehearsal.jsonlines import JsonLines

    lines = JsonLines(sys.stdout)
    conversation = place(lines)
    lines.summary(conversation)
    return conversation


def _in_words(place: Place, *, virtual: bool) -> Conversation:
    from gateway.rehearsal.show import console, showing

    with showing(console()) as show:
        conversation = place(show)
    show.summary(conversation, virtual=virtual)
    return conversation


def _check(args: argparse.Namespace) -> None:
    if args.url and args.fast:
        raise TrunklineError(
            "--fast turns a clock of its own, and the gateway at --url keeps real time; leave one"
            " of the two out"
        )
    if args.url and args.tools:
        raise TrunklineError(
            "--tools gives tools to a gateway that is opened in here, and the one at --url has its"
            " own; leave one of the two out"
        )
    if args.token and not args.url:
        raise TrunklineError("--token is for the gateway at --url; name that, or leave it out")
    if args.stereo and not args.out:
        raise TrunklineError("--stereo says how --out is written; add --out answer.wav")


def _check_clock(args: argparse.Namespace, settings: Settings) -> None:
    from gateway.rehearsal.inside import is_inside

    if args.fast and not is_inside(settings):
        raise TrunklineError(
            "--fast turns a clock of its own, and the assistant of these settings runs elsewhere,"
            ' in real time; leave --fast out, or set assistant.kind = "embedded"'
        )


def _absolute(tools: str) -> str:
    """A file is meant from here, a module by its name."""
    return str(Path(tools).absolute()) if tools.endswith(".py") or "/" in tools else tools


def _try_out(path: Path) -> None:
    """Find out before the call that the answer cannot be kept, and leave nothing behind."""
    there = path.exists()
    try:
        with path.open("ab"):
            pass
    except OSError as error:
        raise TrunklineError(
            f"--out {path}: cannot be written: {error.strerror}; name a file in a folder that is"
            " there"
        ) from None
    if not there:
        path.unlink()
