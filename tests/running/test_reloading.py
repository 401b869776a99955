"""The settings read again: new calls get them, live ones keep theirs, bad ones change nothing."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from websockets.asyncio.client import connect

from gateway.call.plan import Plan
from gateway.embedded.server import Assistant
from gateway.embedded.server import serve as serve_embedded
from gateway.errors import TrunklineError
from gateway.running.holding import hold
from gateway.running.reloading import SETTLED, Reloading
from gateway.settings import load
from tests.house import EchoEars, House, ToneMouth, message
from tests.process import gateway_process
from tests.whole import BriefMind, open_whole, typing

TOOL = """
from tools import tool

@tool
def {name}() -> str:
    "What there is today."
    return "soup"
"""


class Files:
    """The settings file of a gateway, and a module of tools beside it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "trunkline.toml"
        self._module = folder / "menu.py"

    def write(self, text: str = "", tool: str = "menu") -> None:
        self._module.write_text(TOOL.format(name=tool))
        self.file.write_text(f'[tools]\nmodules = ["{self._module}"]\n{text}')


@asynccontextmanager
async def reloadable(
    folder: Path, mind: BriefMind | None = None
) -> AsyncIterator[tuple[House, Reloading, Files]]:
    files = Files(folder)
    files.write()
    async with open_whole({"TRUNKLINE_CONFIG": str(files.file)}, mind) as house:
        url = house.gateway.settings.assistant.base_url
        given = {"TRUNKLINE_ASSISTANT__BASE_URL": url}
        reloading = Reloading(house.gateway, lambda: load(files.file, given))
        yield house, reloading, files
        await house.gateway.switchboard.drain(0)
        await reloading.close()


async def test_a_new_call_gets_new_settings_and_tools_and_a_live_one_keeps_its_own(
    tmp_path: Path,
) -> None:
    mind = BriefMind("Soup.", call="menu")
    async with (
        reloadable(tmp_path, mind) as (house, reloading, files),
        typing(house) as before,
    ):
        files.write('[server]\nmax_calls = 7\n[assistant]\ninstructions = "Be brief."', "carte")
        assert await reloading.reload()
        board = house.gateway.switchboard
        assert board.max_calls == 7
        async with typing(house) as after:
            plan = _plan(house, after.call_id)
            assert "carte" in [tool.name for tool in plan.tools]
            assert plan.instructions == "Be brief."
        plan = _plan(house, before.call_id)
        assert "menu" in [tool.name for tool in plan.tools]
        assert plan.instructions != "Be brief."
        await before.ask("What is there?")
        assert 'tool_calls_total{status="done"} 1.0' in house.gateway.metrics.page().decode()


def _plan(house: House, call_id: str) -> Plan:
    session = house.gateway.switchboard.find(call_id)
    assert session is not None
    return session.plan


async def test_tools_are_closed_when_the_last_call_that_has_them_ends(tmp_path: Path) -> None:
    async with reloadable(tmp_path) as (house, reloading, files):
        await reloading.reload()
        toolbox = house.gateway.toolbox
        async with typing(house):
            files.write(tool="carte")
            await reloading.reload()
            await asyncio.sleep(SETTLED + 0.1)
            assert toolbox.tools
        assert house.gateway.toolbox is not toolbox


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[server]\nmax_calls = 0", "max_calls"),
        ("[server]\nmax_cals = 1", "did you mean server.max_calls"),
        ("this is no TOML", "is not valid TOML"),
        ('[[lines]]\nassistant = "nobody"', "nobody"),
    ],
)
async def test_settings_that_do_not_pass_change_nothing_and_the_log_says_why(
    text: str, why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with reloadable(tmp_path) as (house, reloading, files):
        before = house.gateway.settings, house.gateway.toolbox
        files.write(text)
        assert not await reloading.reload()
        assert (house.gateway.settings, house.gateway.toolbox) == before
        async with typing(house) as caller:
            await caller.ask("Hello?")
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert why in record.why


async def test_a_module_that_cannot_be_loaded_changes_nothing(tmp_path: Path) -> None:
    async with reloadable(tmp_path) as (house, reloading, _):
        before = house.gateway.toolbox
        (tmp_path / "menu.py").write_text("import nothing_of_that_name")
        assert not await reloading.reload()
        assert house.gateway.toolbox is before


async def test_a_token_is_changed_and_what_is_fixed_waits_for_the_next_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with reloadable(tmp_path) as (house, reloading, files):
        files.write('[server]\nport = 1\ntoken = "sesame"\n[taps]\njournal = "elsewhere"')
        with caplog.at_level(logging.WARNING):
            assert await reloading.reload()
        assert house.gateway.settings.server.port != 1
        assert house.gateway.settings.taps.journal == ""
        async with httpx2.AsyncClient(base_url=house.address) as http:
            assert (await http.get("/metrics")).status_code == 401
            shown = {"Authorization": "Bearer sesame"}
            assert (await http.get("/metrics", headers=shown)).status_code == 200
    waits = [one.keys for one in caplog.records if "next start" in one.message]  # type: ignore[attr-defined]
    assert waits == ["server.port, taps.journal"]


async def test_what_cannot_be_opened_is_not_held() -> None:
    @asynccontextmanager
    async def never() -> AsyncIterator[None]:
        raise TrunklineError("no")
        yield

    with pytest.raises(TrunklineError, match="no"):
        await hold(never(), "never")


async def test_a_process_reloads_on_sighup_and_ends_at_once_when_told_twice(
    tmp_path: Path,
) -> None:
    assistant = Assistant(EchoEars(), BriefMind(), ToneMouth())
    async with (
        serve_embedded(assistant) as model,
        gateway_process(tmp_path, model.base_url) as gateway,
    ):
        with gateway.file.open("a") as file:
            file.write('[server]\ntoken = "sesame"\n')
        gateway.child.send_signal(signal.SIGHUP)
        await gateway.wait_said("the settings are reloaded; new calls get them")
        place = gateway.address.replace("http", "ws") + "/browser?token=sesame"
        async with connect(place, max_queue=None) as caller:
            await caller.send(message("start", reports=False))
            assert await gateway.wait_said("call began")
            gateway.child.send_signal(signal.SIGTERM)
            assert (await gateway.wait_said("stopping"))["calls"] == 1
            gateway.child.send_signal(signal.SIGTERM)
            await caller.wait_closed()
        assert await asyncio.wait_for(gateway.child.wait(), 10) == 130
