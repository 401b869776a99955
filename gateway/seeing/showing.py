"""Showing: a caller's leg whose pictures are made fit before the call is told of them.

An assistant that sees is shown the picture; one that does not is told in words that there was one,
and tools may look at it. Whatever the caller says after a picture waits until it is ready.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.client import PICTURE
from gateway.call.events import Event
from gateway.seeing.pictures import PictureError, fit
from gateway.seeing.shown import image_of
from gateway.session import Leg
from tools.context import Image

UNSEEN = (
    "(I am showing you a picture. You cannot see it yourself. If none of your functions can look "
    "at it for you, tell me so.)"
)

WAITING = 1_000  # events behind a picture that is being fitted: 20 s of sound
MANY = "Too many pictures are waiting already. Show one at a time."

Feed = Callable[[Event | bytes], None]


class ShowingLeg:
    """The leg inside, and a place where pictures wait their turn."""

    def __init__(
        self, leg: Leg[do.ToCaller], sees: bool, full: Callable[[], None] = lambda: None
    ) -> None:
        self._full = full  # told of each event that there is no room for
        self._leg = leg
        self._sees = sees
        self._feed: Feed = _to_nobody
        self._waiting: list[Event | bytes] = []
        self._work: asyncio.Task[None] | None = None
        self._shown = 0

    async def run(self, feed: Feed) -> None:
        """As the leg does."""
        self._feed = feed
        try:
            await self._leg.run(self._take)
            if self._work is not None:
                await self._work
        finally:
            if self._work is not None:
                self._work.cancel()

    def send(self, effect: do.ToCaller) -> None:
        """As the leg does."""
        self._leg.send(effect)

    def close(self, reason: str) -> None:
        """As the leg does."""
        self._leg.close(reason)

    # ------------------------------------------------------------ what comes

    def _take(self, event: Event | bytes) -> None:
        if self._work is not None:
            self._keep(event)
        elif not isinstance(event, bytes) and _shows(event):
            self._waiting.append(event)
            self._work = asyncio.create_task(self._tell(), name="pictures of a caller")
        else:
            self._feed(event)

    def _keep(self, event: Event | bytes) -> None:
        """Behind the picture at work; sound and more pictures only as long as there is room."""
        optional = isinstance(event, bytes | on.CallerAudio) or _shows(event)
        if len(self._waiting) < WAITING or not optional:
            self._waiting.append(event)
            return
        self._full()
        if isinstance(event, on.CallerAsked):
            self._leg.send(do.ShowRefusal(event.request, "too_many_images", MANY))
        elif isinstance(event, on.CallerShowed):
            self._leg.send(do.ShowNotice("picture_refused", MANY))

    async def _tell(self) -> None:
        try:
            while self._waiting:
                event = self._waiting.pop(0)
                if isinstance(event, on.CallerShowed):
                    await self._showed(event)
                elif isinstance(event, on.CallerAsked) and _shows(event):
                    await self._asked(event)
                else:
                    self._feed(event)
        finally:
            self._work = None

    async def _showed(self, event: on.CallerShowed) -> None:
        """The caller held up a picture, and wants to hear something about it."""
        try:
            image = await fit(Image(event.media_type, event.data))
        except PictureError as error:
            self._leg.send(do.ShowNotice("picture_refused", str(error)))
            return
        if not self._sees:
            self._feed(replace(event, media_type=image.media_type, data=image.data))
            self._feed(on.CallerText(f"{event.text} {PICTURE}".strip(), UNSEEN))
            return
        self._shown += 1
        request = f"{do.FROM_CALLER}image_{self._shown}"
        self._feed(on.CallerOrdered("flush", request))
        self._feed(on.CallerAsked(item_of(image, event.text), request))
        self._feed(on.AnswerWanted({}, request))

    async def _asked(self, event: on.CallerAsked) -> None:
        """A program put pictures into the conversation itself."""
        item = dict(event.message["item"])
        try:
            item["content"] = [await self._fitted(part) for part in item["content"]]
        except PictureError as error:
            self._leg.send(do.ShowRefusal(event.request, "invalid_image", str(error)))
        else:
            self._feed(replace(event, message={**event.message, "item": item}))

    async def _fitted(self, part: Any) -> Any:
        image = image_of(part.get("image_url")) if _is_picture(part) else None
        return part if image is None else {**part, "image_url": url_of(await fit(image))}


def item_of(image: Image, text: str = "") -> dict[str, Any]:
    """The message by which a model is shown a picture, with words to it."""
    content = [{"type": "input_image", "image_url": url_of(image)}]
    content += [{"type": "input_text", "text": text}] if text else []
    item = {"type": "message", "role": "user", "content": content}
    return {"type": "conversation.item.create", "item": item}


def url_of(image: Image) -> str:
    """The picture as a data URL."""
    return f"data:{image.media_type};base64,{b64encode(image.data).decode('ascii')}"


def _shows(event: Event | bytes) -> bool:
    if isinstance(event, on.CallerAsked):
        return any(_pictures(event.message.get("item")))
    return isinstance(event, on.CallerShowed)


def _pictures(item: Any) -> Iterator[bool]:
    content = item.get("content") if isinstance(item, dict) else None
    yield from map(_is_picture, content if isinstance(content, list) else ())


def _is_picture(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "input_image"


def _to_nobody(event: Event | bytes) -> None:
    """The leg does not run yet."""
