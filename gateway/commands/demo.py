"""`trunkline demo`: hear a call to an order desk, then talk to it in the browser."""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import TrunklineError
from gateway.settings import Settings, load

if TYPE_CHECKING:
    from rich.console import Console

    from gateway.app import Gateway
    from gateway.rehearsal.conversation import Conversation
    from gateway.rehearsal.show import Show

HOST = "127.0.0.1"
SCRIPT = "conversations/order.toml"
RECORDINGS = Path("recordings")
PAPERS = "knowledge"  # of the samples
OTHER_PORTS = 20  # tried, from the one that is asked for
LAST_PORT = 65_536
ORDER = "4217"  # what the caller of SCRIPT asks for


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="end after the call, as ONCE=1 does")
    parser.add_argument("--port", type=int, default=8080, help="of the page afterwards")


def run(args: argparse.Namespace) -> int:
    from gateway import log
    from gateway.embedded.prepare import is_prepared

    settings = _settings(load(args.config, answers=False))
    if not is_prepared():
        _prepare()
    log.setup(settings.log.format, "error")
    once = args.once or os.environ.get("ONCE", "0") not in ("", "0")
    return asyncio.run(_demo(settings, args.port, once))


def _settings(settings: Settings) -> Settings:
    """The embedded assistant, so that the demo costs nothing, and a recording."""
    from gateway.settings import Settings

    kept = settings.taps.model_copy(update={"recording": str(RECORDINGS.absolute())})
    return Settings(turns=settings.turns, playback=settings.playback, taps=kept, log=settings.log)


def _prepare() -> None:
    """Convert the speech model, with a bar that says how far it is."""
    from gateway.commands import prepare

    prepare.run(argparse.Namespace(force=False))


async def _demo(settings: Settings, port: int, once: bool) -> int:
    from gateway.files import samples_dir
    from gateway.rehearsal.caller import SampleCaller
    from gateway.rehearsal.house import furnish, open_house
    from gateway.rehearsal.show import console, showing
    from gateway.rehearsal.sounds import script_of

    out = console()
    script, sounds = script_of([samples_dir() / SCRIPT])
    ours = furnish(settings, script.tools, script.instructions)
    out.print("A caller with recorded speech rings up an order desk.", style="bold")
    out.print("The embedded assistant answers: no key, no network, in real time.\n", style="dim")
    async with AsyncExitStack() as parts:
        with out.status("loading the speech models") if out.is_terminal else nullcontext():
            house = await parts.enter_async_context(open_house(ours))
        with showing(out) as show:
            conversation = await SampleCaller(script, sounds, watcher=show).call(house.url)
        await _wait_for_recording(house.gateway, conversation)
        _tell(show, conversation)
        if failures := list(missing(conversation)):
            out.print(f"\nThe demo call failed: {'; '.join(failures)}.", style="bold red")
            return 1
        if not once:
            await _show_page(house.gateway, port, out)
    return 0


async def _wait_for_recording(gateway: Gateway, conversation: Conversation) -> None:
    """The gateway closes the file when its side of the call is over, an instant later."""
    async with asyncio.timeout(10):
        while gateway.switchboard.find(conversation.call_id) is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def _tell(show: Show, conversation: Conversation) -> None:
    from rich.text import Text

    show.summary(conversation)
    recording = RECORDINGS / f"{conversation.call_id}.wav"
    show.fact("recording", Text(f"{recording}  (stereo, as it was heard: the caller left)"))


def missing(conversation: Conversation) -> Iterator[str]:
    """What the demo shows, and this call did not."""
    looked_up = [use for use in conversation.tool_calls if use.name == "look_up_order"]
    if not any(use.arguments.get("order_number") == ORDER for use in looked_up):
        yield f"no tool was asked for order {ORDER}"
    elif not any(use.status == "done" for use in looked_up):
        yield "the tool did not answer"
    answers = [line for line in conversation.transcript if line.who == "assistant"]
    cut = next((at for at, line in enumerate(answers) if line.cut), None)
    if cut is None:
        yield "the caller did not interrupt the assistant"
    elif all(line.cut for line in answers[cut + 1 :]):
        yield "no answer was heard after the interruption"
    if not conversation.complete:
        yield f"it ended early: {conversation.ended}"


async def _show_page(gateway: Gateway, port: int, out: Console) -> None:
    """Serve the page until Ctrl-C; what is said there is not recorded."""
    from gateway.running.opening import listening
    from gateway.settings import Settings

    taps = Settings().taps
    ours = replace(gateway, settings=gateway.settings.model_copy(update={"taps": taps}))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with _bound(port, out) as bound:
        async with listening(ours, bound):
            address = f"http://localhost:{bound.getsockname()[1]}"
            out.print(f"\nNow talk to it yourself: {address}", style="bold")
            out.print("What you say there stays on this machine and is not kept. Ctrl-C ends.")
            async with _papers(ours):
                out.print("It has read the shop's papers, too: ask when it opens on Saturday.")
                await stop.wait()


@asynccontextmanager
async def _papers(gateway: Gateway) -> AsyncIterator[None]:
    """The shop's documents to search; read once the page is there, so that nobody waits for it."""
    from gateway.files import samples_dir
    from gateway.knowledge.opening import open_finder
    from gateway.toolbelt.sources import offered

    folder = {"knowledge": str(samples_dir() / PAPERS)}
    tools = gateway.settings.tools.model_copy(update=folder)
    settings = gateway.settings.model_copy(update={"tools": tools})
    async with open_finder(settings, None) as finder, offered(gateway.toolbox, finder):
        yield


def _bound(port: int, out: Console) -> socket.socket:
    """A socket on that port, or on the next that is free. TrunklineError where none is."""
    from gateway.running.listening import listen

    for other in range(port, min(port + OTHER_PORTS, LAST_PORT)):
        try:
            bound = listen(HOST, other)
        except TrunklineError as error:
            if not _in_use(error):
                raise
            continue
        if other != port:
            taken = f"\nPort {port} is in use by another program; the page is at port {other}."
            out.print(taken, style="yellow")
        return bound
    raise TrunklineError(
        f"the ports {port} to {port + OTHER_PORTS - 1} are all in use; name another: --port 9000"
    )


def _in_use(error: BaseException) -> bool:
    cause = error.__context__
    return isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE
