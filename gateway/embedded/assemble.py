"""Puts the embedded assistant together from what is installed, and takes it apart again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from gateway.embedded.hearing import MoonshineEars
from gateway.embedded.memory import give_back, keep_little
from gateway.embedded.server import Assistant
from gateway.embedded.speaking import find_mouth
from gateway.embedded.thinking import find_mind


@asynccontextmanager
async def assemble(
    *, base_url: str = "", model: str = "", api_key: str = ""
) -> AsyncIterator[Assistant]:
    """Ears, mind and mouth, loaded and warm. The address and model are of a chat mind, if any.

    Loads off the event loop. Raises AssistantError or SettingsError where a part is missing.
    """
    loop = asyncio.get_running_loop()
    keep_little()
    think = partial(find_mind, base_url=base_url, model=model, api_key=api_key)
    async with AsyncExitStack() as parts:
        mind = await loop.run_in_executor(None, think)
        parts.push_async_callback(mind.close)
        ears = await MoonshineEars.load()
        parts.push_async_callback(ears.close)
        mouth = await find_mouth()
        parts.push_async_callback(mouth.close)
        await loop.run_in_executor(None, give_back)
        yield Assistant(ears, mind, mouth)
