"""The doctor looks at bridges: each is opened as a start would, its port and all."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from gateway.doctor import Finding, examine, is_well
from tests.house import open_house

TWILIO = {"ENABLED": "true", "AUTH_TOKEN": "sesame"}


@pytest.fixture(autouse=True)
def _no_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def bridges(public_url: str = "", /, **sections: dict[str, str]) -> dict[str, Finding]:
    """What it says of bridges that are set up so."""
    variables = {
        f"TRUNKLINE_BRIDGES__{bridge.upper()}__{name}": told
        for bridge, section in sections.items()
        for name, told in section.items()
    }
    other = {"TRUNKLINE_SERVER__PORT": "0", "TRUNKLINE_SERVER__PUBLIC_URL": public_url}
    found = examine(None, {**variables, **other})
    assert "sesame" not in str(found)
    return {
        one.subject: one
        for one in found
        if one.subject.startswith("bridge ") or one.subject == "public_url"
    }


def test_bridges_that_are_off_are_not_spoken_of() -> None:
    assert not bridges()


def test_what_a_bridge_lacks_is_named_for_each_that_lacks_something() -> None:
    found = bridges(
        twilio={"ENABLED": "true"},
        telnyx={"ENABLED": "true", "PUBLIC_KEY": "short"},
        audiosocket={"ENABLED": "true", "PORT": "0", "HOST": "0.0.0.0", "TICKETS": "false"},
    )
    assert not is_well(list(found.values()))
    assert "TRUNKLINE_BRIDGES__TWILIO__AUTH_TOKEN" in found["bridge twilio"].detail
    assert "44 characters" in found["bridge telnyx"].detail
    assert "anybody could call" in found["bridge audiosocket"].detail
    assert all(found[f"bridge {name}"].mend for name in ("twilio", "telnyx", "audiosocket"))


def test_a_port_of_a_bridge_that_is_in_use_is_found_and_a_free_one_is_left_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        held = bridges(audiosocket={"ENABLED": "true", "PORT": port})
    assert held["bridge audiosocket"].status == "broken"
    assert f"port {port} is in use" in held["bridge audiosocket"].detail
    free = bridges(audiosocket={"ENABLED": "true", "PORT": port})
    assert free["bridge audiosocket"].status == "ok"
    socket.create_server(("127.0.0.1", int(port))).close()


def test_it_says_which_bridges_can_place_calls_and_what_is_tried_for_want_of_an_address() -> None:
    found = bridges(twilio={**TWILIO, "ACCOUNT_SID": "AC01"}, signalwire={})
    assert "go out" in found["bridge twilio"].detail
    assert found["public_url"].status == "note"
    found = bridges("https://voice.example.com", twilio=TWILIO)
    assert "none go out" in found["bridge twilio"].detail
    assert list(found) == ["bridge twilio"]


# ---------------------------------------------------------------- beside a gateway that runs


def beside(port: int, bridge: int) -> tuple[Finding, Finding]:
    """What it says of the gateway's own port and of a bridge's."""
    variables = {
        "TRUNKLINE_SERVER__PORT": str(port),
        "TRUNKLINE_BRIDGES__AUDIOSOCKET__ENABLED": "true",
        "TRUNKLINE_BRIDGES__AUDIOSOCKET__PORT": str(bridge),
    }
    found = {one.subject: one for one in examine(None, variables)}
    return found["port"], found["bridge audiosocket"]


@pytest.mark.parametrize(("stopping", "status"), [(False, "ok"), (True, "note")])
async def test_a_port_that_a_running_trunkline_holds_is_as_it_should_be(
    stopping: bool, status: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        async with open_house() as house:
            if stopping:
                await house.gateway.switchboard.drain(0)
            ports = int(house.address.rpartition(":")[2]), held.getsockname()[1]
            port, bridge = await asyncio.to_thread(beside, *ports)
    assert port.status == status
    assert port.detail.startswith(f"Trunkline runs at 127.0.0.1:{ports[0]}, embedded answers")
    assert not port.mend
    assert bridge.status == "note"


@pytest.mark.parametrize("said", ["", "hello", '{"status":"ok"}', "[]"])
async def test_a_port_that_another_program_holds_is_an_error(said: str) -> None:
    async def stranger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(said)}\r\n\r\n{said}".encode())
        writer.close()

    async with await asyncio.start_server(stranger, "127.0.0.1", 0) as server:
        number = server.sockets[0].getsockname()[1]
        port, bridge = await asyncio.to_thread(beside, number, number)
    assert (port.status, bridge.status) == ("broken", "broken")
    assert f"port {number} is in use" in port.detail
