"""Shown: the pictures that a caller has sent in a call, for tools that can look at them."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

from gateway.call import events as on
from gateway.call.events import Event
from tools.context import Image

KEPT = 8  # pictures of one call; the oldest go first
BYTES = 16 * 1024 * 1024  # of all of them together
SHOW = (on.CallerShowed, on.CallerAsked)
DATA_URL = re.compile(r"data:(image/[\w.+-]+);base64,", re.IGNORECASE)


class Pictures:
    """What the caller has shown, by the page or by a message of the Realtime protocol."""

    def __init__(self) -> None:
        self._kept: list[Image] = []

    @property
    def images(self) -> tuple[Image, ...]:
        """The pictures, the oldest first."""
        return tuple(self._kept)

    def see(self, event: Event) -> None:
        """Notice what is shown, which is in events of the kinds of `SHOW`."""
        if isinstance(event, on.CallerShowed):
            self._keep(Image(event.media_type, event.data))
        elif isinstance(event, on.CallerAsked):
            for image in images_of(event.message.get("item")):
                self._keep(image)

    def _keep(self, image: Image) -> None:
        self._kept.append(image)
        del self._kept[:-KEPT]
        while sum(len(one.data) for one in self._kept) > BYTES:
            del self._kept[0]


def images_of(item: Any) -> Iterator[Image]:
    """The pictures in an item; what is none is for the model's server to refuse."""
    content = item.get("content") if isinstance(item, dict) else None
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and part.get("type") == "input_image":
            image = image_of(part.get("image_url"))
            if image is not None:
                yield image


def image_of(url: Any) -> Image | None:
    """The picture that a data URL holds; an address elsewhere is never fetched."""
    begins = DATA_URL.match(url) if isinstance(url, str) else None
    if begins is None:
        return None
    try:
        return Image(begins[1].lower(), b64decode(url[begins.end() :], validate=True))
    except ValueError:
        return None
