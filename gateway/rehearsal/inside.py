"""A whole conversation inside this process: gateway, assistant and caller in the running loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.errors import SettingsError
from gateway.rehearsal.caller import SampleCaller, Watcher
from gateway.rehearsal.conversation import Conversation
from gateway.rehearsal.house import furnish, open_house
from gateway.rehearsal.models import embedded
from gateway.rehearsal.script import Script
from gateway.rehearsal.understudy import script_for, understudy
from gateway.settings import Settings, load
from tools import AnyTool


async def converse(
    script: Script,
    sounds: Mapping[Path, bytes],
    settings: Settings,
    modules: Iterable[str] = (),
    tools: Iterable[AnyTool] = (),
    instructions: str = "",
    watcher: Watcher | None = None,
) -> Conversation:
    """Play a script. The embedded assistant's models are those that this process has loaded."""
    async with AsyncExitStack() as parts:
        if is_inside(settings):
            base_url = await parts.enter_async_context(embedded())
            changed = settings.assistant.model_copy(update={"base_url": base_url})
            settings = settings.model_copy(update={"assistant": changed})
        ours = furnish(settings, (*script.tools, *modules), instructions)
        house = await parts.enter_async_context(open_house(ours, tools))
        token = settings.server.token.reveal()
        return await SampleCaller(script, sounds, watcher=watcher).call(house.url, token)


async def try_tool(
    name: str,
    arguments: Mapping[str, Any] | str,
    says: Sequence[str],
    settings: Settings,
    modules: Iterable[str] = (),
    tools: Iterable[AnyTool] = (),
    longest: float = 60.0,
) -> Conversation:
    """A call in which an understudy calls this tool after each line that the caller writes."""
    async with understudy(name, arguments) as base_url:
        update = {"kind": "embedded", "base_url": base_url}
        assistant = settings.assistant.model_copy(update=update)
        ours = settings.model_copy(update={"assistant": assistant})
        return await converse(script_for(name, says, longest), {}, ours, modules, tools)


def is_inside(settings: Settings) -> bool:
    """Whether all of the assistant runs in this process, so that a virtual clock can rule it."""
    assistant = settings.assistant
    return (
        assistant.kind == "embedded" and not assistant.base_url and assistant.mind.kind == "builtin"
    )


def settings_of(sections: Mapping[str, Any], config: Path | None = None) -> Settings:
    """Settings from sections, over those of a file if there is one. Raises SettingsError."""
    if config is not None:
        return load(config, {}, _leaves(sections))
    try:
        return Settings.model_validate(sections)
    except ValidationError as error:
        told = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise SettingsError(
            f"settings: {'; '.join(told)}; `trunkline settings` prints all there are"
        ) from None


def _leaves(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    leaves: dict[tuple[str, ...], Any] = {}
    for name, value in table.items():
        key = (*above, name)
        leaves |= _leaves(value, key) if isinstance(value, Mapping) else {key: value}
    return leaves
