"""Genesys Cloud's side: a signed upgrade, and AudioHook as its reference client speaks it."""

from __future__ import annotations

import hmac
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import connect

from audio.format import Format
from gateway.callers.dialect import Message
from gateway.callers.genesys import COVERED, Upgrade
from tests.callers.peers.peer import Link, Peer, Ring
from tests.callers.peers.provider import (
    Clear,
    HungUp,
    Mark,
    Messages,
    Order,
    Owed,
    Provider,
    Sound,
    Transferred,
)
from tests.house import House

KEY = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh"
SECRET = "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU="
SESSION = "a69082d8-21bf-4cf5-bee5-07078e9897f1"
NOBODY = "00000000-0000-0000-0000-000000000000"
PING_EVERY = 25  # frames
OFFERED = [
    {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000},
    {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000},
    {"type": "audio", "format": "PCMU", "channels": ["internal"], "rate": 8000},
]


class Session:
    """One session: of the Audio Connector, or with `monitor` one that takes no sound."""

    def __init__(
        self,
        variables: dict[str, str] | None = None,
        ring: Ring | None = None,
        *,
        monitor: bool = False,
        probe: bool = False,
    ) -> None:
        self.format, self.frame = Format("pcmu", 8_000), 800
        self._variables, self._ring = variables or {}, ring or Ring()
        self._monitor, self._probe = monitor, probe
        self._ours = self._theirs = 0
        self._samples = self._frames = 0
        self._opened = self._closing = False
        self._pings: list[int] = []
        self._packets = 0  # of the gateway's sound
        self._playing = False
        self.media: list[Any] = []

    def begin(self) -> Messages:
        ring = Ring("", "") if self._probe else self._ring
        opening = {
            "organizationId": "1e5bcf1e-420b-47eb-a667-e0666da501f7",
            "conversationId": NOBODY if self._probe else "aaa05b81-4a8e-4c0f-a2f5-58a5a523c800",
            "participant": {
                "id": NOBODY if self._probe else "c2c71735-2559-4a5c-8948-d9cbbb5d4f7e",
                "ani": ring.caller,
                "aniName": "" if self._probe else "John Doe",
                "dnis": ring.called,
            },
            "media": OFFERED,
            "language": "en-US",
        }
        if not self._monitor:
            opening["inputVariables"] = self._variables
        return [self.say("open", opening)]

    def speak(self, audio: bytes) -> Messages:
        self._frames += 1
        if self._closing:
            return []
        self._samples += len(audio)
        if self._frames % PING_EVERY:
            return [audio]
        ping = self.say("ping", {"rtt": "PT0.004665959S"})
        self._pings.append(self._ours)
        return [audio, ping]

    def press(self, digit: str) -> Messages:
        return [self.say("dtmf", {"digit": digit})]

    def hang_up(self) -> Messages:
        if self._closing:
            return []
        self._closing = True
        return [self.say("close", {"reason": "end"})]

    def played(self, mark: str) -> Messages:
        kind, number = mark.split(" ")
        if kind == "begin" and not self._playing:
            self._playing = True
            return [self.say("playback_started", {})]
        if kind == "end" and self._playing and int(number) == self._packets:
            self._playing = False
            return [self.say("playback_completed", {})]
        return []

    def cleared(self, marks: Sequence[str]) -> Messages:
        playing, self._playing = self._playing, False
        return [self.say("playback_completed", {})] if playing else []

    def take(self, message: Message) -> Sequence[Order]:
        if isinstance(message, bytes):
            assert self._opened, "405: binary before opened"
            assert not self._monitor, "415: a monitor takes no audio"
            assert 0 < len(message) <= 64_000, "413"
            self._packets += 1
            number = self._packets
            return [Mark(f"begin {number}"), Sound(message), Mark(f"end {number}")]
        said = json.loads(message)
        assert len(message) <= 65_535
        assert set(said) == {"version", "type", "id", "seq", "clientseq", "parameters"}
        assert (said["version"], said["id"]) == ("2", SESSION)
        assert said["seq"] == self._theirs + 1, "400: a sequence number was left out"
        assert said["clientseq"] <= self._ours, "400: it acknowledges what was never sent"
        self._theirs = said["seq"]
        return self._obey(said["type"], said["parameters"], said["clientseq"])

    def _obey(self, kind: str, about: dict[str, Any], seen: int) -> Sequence[Order]:
        match kind:
            case "opened":
                assert not self._opened
                self._opened, self.media = True, about["media"]
                assert about["media"] == [] or about["media"][0] in OFFERED
                return []
            case "pong":
                assert seen == self._pings.pop(0)
                return []
            case "event":
                assert about["entities"] == [{"type": "barge_in", "data": {}}]
                return [Clear()]
            case "disconnect":
                assert about["reason"] in ("completed", "error", "unauthorized")
                target = about.get("outputVariables", {}).get("TransferTarget")
                self._closing = True
                close = Owed([self.say("close", {"reason": "disconnect"})])
                return [close] if target is None else [Transferred(target), close]
            case "closed":
                assert self._closing
                return [HungUp()]
        raise AssertionError(f"405: {kind}")

    def say(self, kind: str, about: dict[str, Any]) -> str:
        """A message with its place among all the others."""
        self._ours += 1
        return json.dumps(
            {
                "version": "2",
                "type": kind,
                "id": SESSION,
                "seq": self._ours,
                "serverseq": self._theirs,
                "position": f"PT{self._samples / 8000:g}S",
                "parameters": about,
            }
        )


def upgrade(
    address: str, key: str = KEY, secret: str = SECRET, when: float | None = None
) -> dict[str, str]:
    """The headers of an upgrade, signed."""
    parts = urlsplit(address)
    headers = {
        "audiohook-organization-id": "1e5bcf1e-420b-47eb-a667-e0666da501f7",
        "audiohook-session-id": SESSION,
        "audiohook-correlation-id": "b2ee44a4-e152-4a43-acef-b55cb7bb0a2a",
        "x-api-key": key,
    }
    made = int(time.time() if when is None else when)
    covered = " ".join(f'"{name}"' for name in COVERED)
    parameters = (
        f'({covered});keyid="{key}";nonce="l3qBBUh7nxTS+eDPruRHKp7I"'
        f';alg="hmac-sha256";created={made};expires={made + 30}'
    )
    signed = Upgrade(parts.path, parts.netloc, headers)
    lines = [f'"{name}": {signed.component(name)}' for name in COVERED]
    base = "\n".join([*lines, f'"@signature-params": {parameters}'])
    signature = b64encode(hmac.digest(b64decode(secret), base.encode(), "sha256")).decode()
    return {**headers, "signature-input": f"sig1={parameters}", "signature": f"sig1=:{signature}:"}


async def ring_up(house: House, ring: Ring) -> tuple[Link, Provider]:
    address = house.address.replace("http", "ws", 1) + "/genesys/connector"
    headers = upgrade(address)
    link = await connect(address, additional_headers=headers, proxy=None, compression=None)
    return link, Session(dict(ring.parameters), ring)


PEER = Peer(
    {
        "TRUNKLINE_BRIDGES__GENESYS__ENABLED": "true",
        "TRUNKLINE_BRIDGES__GENESYS__API_KEY": KEY,
        "TRUNKLINE_BRIDGES__GENESYS__CLIENT_SECRET": SECRET,
    },
    ring_up,
)
