"""The doctor looks at bridges: each is opened as a start would, its port and all."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from gateway.doctor import Finding, examine, is_well

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
