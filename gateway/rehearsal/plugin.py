"""The pytest plugin: a fixture `trunkline` that places whole calls from other people's tests.

Pytest loads it in every project of an environment that has Trunkline. So it imports nothing of ours
until it is used, and in the wheel it stands outside the packages, as the module `trunkline_pytest`:
a project with a package `gateway` of its own can still run its tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gateway.rehearsal.conversation import Conversation
    from gateway.settings import Settings
    from tools import Tool

    Tools = str | Path | Tool[..., Any] | Iterable[str | Path | Tool[..., Any]]


@pytest.fixture
def trunkline(request: pytest.FixtureRequest) -> Trunkline:
    """Places calls: `conversation = trunkline.call("order.wav", tools="mytools.py")`."""
    if said := _obstacle():
        pytest.fail(said, pytrace=False)
    folders = (request.path.parent, request.config.rootpath, Path.cwd())
    return Trunkline(tuple(dict.fromkeys(folders)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows the conversations that it had."""
    report = yield
    used = getattr(item, "funcargs", {}).get("trunkline")
    if report.when == "call" and report.failed and isinstance(used, Trunkline):
        for conversation in used.conversations:
            report.sections.append((f"call {conversation.call_id}", str(conversation)))
    return report


def _obstacle() -> str:
    """What stands in the way of our packages; empty where nothing does."""
    try:
        from gateway.launch import obstacle
    except ImportError:
        found = find_spec("gateway")
        return (
            f"the package 'gateway' at {found and found.origin} stands in the way of Trunkline's"
            " own; run the tests that use the fixture `trunkline` from another folder, or rename it"
        )
    return obstacle()


class Trunkline:
    """Plays recordings or a script to a gateway of its own, and gives back the conversation.

    Files are looked for beside the test, in pytest's root folder, and in the current one.
    """

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self._folders = folders
        self.conversations: list[Conversation] = []

    def call(
        self,
        *files: str | Path,
        tools: Tools = (),
        instructions: str = "",
        settings: Mapping[str, Any] | None = None,
        config: str | Path | None = None,
        real_time: bool = False,
    ) -> Conversation:
        """Call with sound files to say in turn, or with one script (*.toml).

        `tools` are functions decorated with @tool, Python files, or names of modules. `settings`
        are sections as in trunkline.toml: {"turns": {"detector": "server"}}; `config` names such a
        file, and without it none is read. Runs on a virtual clock, many times faster than real
        time, unless `real_time` is asked for (for tools that talk to a network) or the settings
        name an assistant elsewhere. Raises TrunklineError where the call cannot be placed.
        """
        from gateway import clock
        from gateway.rehearsal.inside import is_inside

        chosen = self._settings(settings, config)
        wanted = self._call(files, chosen, tools, instructions)
        if real_time or not is_inside(chosen):
            return asyncio.run(wanted)
        return clock.run(wanted)

    def tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | str | None = None,
        *,
        tools: Tools = (),
        says: str | Iterable[str] = "Please.",
        settings: Mapping[str, Any] | None = None,
        config: str | Path | None = None,
        real_time: bool = False,
        timeout: float = 60.0,
    ) -> Conversation:
        """Run one tool within a whole call, without any model: quick, and with your arguments.

        The caller writes each line of `says`, and an understudy of the assistant calls the tool
        after it with `arguments` (a table, or text as a model might get it wrong). For a tool that
        needs consent: says=["Cancel it, please.", "Yes."]. What it did is in `tool_calls[-1]`.
        """
        from gateway import clock
        from gateway.rehearsal.inside import try_tool

        modules, given = self._sorted(tools)
        lines = [says] if isinstance(says, str) else list(says)
        chosen = self._settings(settings, config)
        values = {} if arguments is None else arguments
        wanted = try_tool(name, values, lines, chosen, modules, given, timeout)
        conversation = asyncio.run(wanted) if real_time else clock.run(wanted)
        self.conversations.append(conversation)
        return conversation

    async def acall(
        self,
        *files: str | Path,
        tools: Tools = (),
        instructions: str = "",
        settings: Mapping[str, Any] | None = None,
        config: str | Path | None = None,
    ) -> Conversation:
        """The same from an async test, in its loop and so at that loop's pace."""
        return await self._call(files, self._settings(settings, config), tools, instructions)

    def sample(self, name: str) -> Path:
        """A recording that ships with Trunkline, such as "commands/what_time.wav"."""
        from gateway.files import samples_dir

        return samples_dir() / "audio" / name

    async def _call(
        self, files: Iterable[str | Path], settings: Settings, tools: Tools, instructions: str
    ) -> Conversation:
        from gateway.rehearsal.inside import converse
        from gateway.rehearsal.sounds import script_of

        script, sounds = script_of([self._find(file) for file in files])
        modules, given = self._sorted(tools)
        told = instructions or script.instructions
        conversation = await converse(script, sounds, settings, modules, given, told)
        self.conversations.append(conversation)
        return conversation

    def _settings(self, sections: Mapping[str, Any] | None, config: str | Path | None) -> Settings:
        from gateway.rehearsal.inside import settings_of

        return settings_of(sections or {}, None if config is None else self._find(config))

    def _sorted(self, tools: Tools) -> tuple[list[str], list[Tool[..., Any]]]:
        """Modules by name or path, and tools as they are."""
        from tools import Tool

        several = [tools] if isinstance(tools, str | Path | Tool) else list(tools)
        modules = [
            str(self._find(one)) if str(one).endswith(".py") else str(one)
            for one in several
            if not isinstance(one, Tool)
        ]
        return modules, [one for one in several if isinstance(one, Tool)]

    def _find(self, file: str | Path) -> Path:
        places = [folder / file for folder in self._folders]  # an absolute path stays as it is
        return next((place for place in places if place.exists()), places[0])
