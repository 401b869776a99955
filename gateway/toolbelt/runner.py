"""Lets a call run the tools of a toolbox, and tells the model which there are."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from audio.convert import encode
from audio.tone import dtmf
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.events import Event
from gateway.call.plan import Plan, ToolSpec
from gateway.call.prices import NANO
from gateway.seeing.pictures import PictureError, fit
from gateway.seeing.showing import item_of
from gateway.seeing.shown import SHOW, Pictures
from tools.context import Image, ToolContext, ToolError
from tools.guards import canonical
from tools.partial import so_far
from tools.result import Result
from tools.toolbox import Toolbox

STARTS = 2  # of one function call, while its arguments are being written
KEY_SECONDS = 0.1  # a pressed key sounds for so long, and is silent for as long
KEYS = "0123456789*#ABCD"

log = logging.getLogger(__name__)


def specs(toolbox: Toolbox) -> tuple[ToolSpec, ...]:
    """What a plan says of the tools."""
    return tuple(
        ToolSpec(
            item.spec.name,
            item.spec.description,
            item.spec.parameters,
            late=item.policy.late,
            confirm=item.policy.confirm,
            prefetch=item.policy.prefetch,
            price=round(item.policy.price_usd * NANO),
        )
        for item in toolbox.tools
    )


@dataclass(slots=True)
class Early:
    """A run that began before its arguments were complete; what it orders waits until they are."""

    arguments: str = ""  # with which it was begun
    task: asyncio.Task[Result] | None = None
    starts: int = 0
    waiting: list[Event] | None = field(default_factory=list)  # None: nothing waits any more


class ToolRunner:
    """The tools of one call."""

    def __init__(self, toolbox: Toolbox, plan: Plan) -> None:
        self._toolbox = toolbox
        self._plan = plan
        self._caller = on.CallerJoined()
        self._pictures = Pictures()
        self._early: dict[str, Early] = {}
        self._sounds = itertools.count(1)
        self._feed: Callable[[Event], None] = _to_nobody
        self._unsubscribe: Callable[[], None] = _nothing

    def begin(self, feed: Callable[[Event], None]) -> None:
        """The call begins: what tools have to say, and changes of the tools, go there."""
        self._feed = feed
        self._unsubscribe = self._toolbox.subscribe(
            lambda: feed(on.ToolsChanged(specs(self._toolbox)))
        )

    def see(self, event: Event) -> None:
        """Notice who the caller is, and what the caller shows."""
        if isinstance(event, on.CallerJoined):
            self._caller = event
        elif isinstance(event, SHOW):
            self._pictures.see(event)

    def end(self) -> None:
        """The call is over."""
        self._unsubscribe()
        for call_id in tuple(self._early):
            self.cancel(call_id)

    # ------------------------------------------------------------ running

    async def run(self, order: do.RunTool) -> on.ToolFinished:
        """The tool's answer; whatever goes wrong is told in it."""
        early = self._early.pop(order.call_id, None)
        if early is not None and early.task is not None:
            if early.arguments == canonical(order.arguments):
                waiting, early.waiting = early.waiting or [], None
                for event in waiting:
                    self._feed(event)
                return await self._finished(order, await early.task)
            early.task.cancel()
        context = self._context(order.call_id, order.consent, self._feed)
        result = await self._toolbox.run(order.name, order.arguments, context)
        return await self._finished(order, result)

    async def _finished(self, order: do.RunTool, result: Result) -> on.ToolFinished:
        log.info("tool finished", extra={"tool": order.name, "failed": result.failed})
        for image in result.images:
            await self._show(order, image)
        return on.ToolFinished(order.call_id, result.output, result.failed, result.mend)

    async def _show(self, order: do.RunTool, image: Image) -> None:
        """A picture that a tool returned, before its result: to the model, or to other tools."""
        try:
            fitting = await fit(image)
        except PictureError as error:
            log.warning("a tool's picture is not shown", extra={"tool": order.name, "why": error})
        else:
            if self._plan.sees:
                text = f"(This picture is from the function {order.name}.)"
                self._feed(on.CallerAsked(item_of(fitting, text), f"{do.FROM_TOOL}{order.call_id}"))
            else:
                self._feed(on.CallerShowed(fitting.media_type, fitting.data))

    def prefetch(self, order: do.PrefetchTool) -> None:
        """Begin, as soon as the arguments will do; again if they turn out to be others."""
        item = self._toolbox.find(order.name)
        if item is None or not item.policy.prefetch:
            return
        required = item.spec.parameters.get("required", ())
        arguments = so_far(order.arguments, required)
        early = self._early.setdefault(order.call_id, Early())
        if not arguments or early.starts >= STARTS or canonical(arguments) == early.arguments:
            return
        if early.task is not None:
            early.task.cancel()
        early.arguments, early.starts, early.waiting = canonical(arguments), early.starts + 1, []
        context = self._context(order.call_id, "", lambda event: self._hold_back(early, event))
        run = self._toolbox.run(order.name, arguments, context)
        early.task = asyncio.get_running_loop().create_task(run, name=f"tool {order.name} early")

    def _hold_back(self, early: Early, event: Event) -> None:
        if early.waiting is None:
            self._feed(event)
        else:
            early.waiting.append(event)

    def cancel(self, call_id: str) -> None:
        """What was begun early for this call is of no use."""
        early = self._early.pop(call_id, None)
        if early is not None and early.task is not None:
            early.task.cancel()

    # ------------------------------------------------------------ what a tool may do to the call

    def _context(self, call_id: str, consent: str, feed: Callable[[Event], None]) -> ToolContext:
        def say(words: str) -> None:
            feed(on.ToolSaid(call_id, words))

        def progress(words: str, share: float | None = None) -> None:
            part = "" if share is None else f" ({round(100 * share)} %)"
            feed(on.ToolSaid(call_id, f"{words}{part}", progress=True))

        return ToolContext(
            call_id=self._plan.call_id,
            caller=self._plan.caller or self._caller.address,
            tenant=self._plan.tenant,
            metadata={**self._caller.metadata, **self._plan.metadata},
            hang_up=lambda reason: feed(on.HangUpOrdered(reason)),
            say=say,
            progress=progress,
            transfer=lambda target: feed(on.TransferOrdered(target)),
            send_digits=lambda digits: feed(self._tones(digits)),
            key=f"{self._plan.call_id}:{call_id}",
            consent=consent,
            images=self._pictures.images,
        )

    def _tones(self, digits: str) -> on.SoundOrdered:
        """The keys as their tones, for what listens at the other end of the line."""
        pressed = digits.strip().upper().replace(" ", "")
        if not pressed or len(pressed) > 64 or set(pressed) - set(KEYS):
            raise ToolError("Give 1 to 64 keys of a telephone: 0-9 * # A-D.")
        rate = self._plan.rate
        pause = bytes(2 * round(rate * KEY_SECONDS))
        pcm = b"".join(dtmf(digit, KEY_SECONDS, rate) + pause for digit in pressed)
        return on.SoundOrdered(f"keys_{next(self._sounds)}", encode(pcm, self._plan.encoding))


def _to_nobody(event: Event) -> None:
    """There is no call yet."""


def _nothing() -> None:
    """There is nothing to take back."""
