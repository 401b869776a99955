"""SignalWire: TwiML under the name of cXML, Media Streams with a choice of codecs.

Follows "Stream" and "Webhook security" of its compatibility API: requests are signed like Twilio's,
or by HMAC-SHA1 in hex over the address and the body; a stream brings back a bearer token.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from typing import Literal

from pydantic import Field
from starlette.requests import HTTPConnection

from gateway.callers.bridge import Bridge, Desk, Doors, need, targets_of
from gateway.callers.twiml import Carrier, Pairs, Provider, TwimlSection
from gateway.callers.twiml_rest import Api
from gateway.callers.twiml_signature import is_signed, spellings
from gateway.private import Private
from gateway.section import Secret

SIGNATURES = ("x-signalwire-signature", "x-twilio-signature")
UNSIGNED = (
    "Expected X-SignalWire-Signature for this address; see that server.public_url is the address "
    "at which SignalWire calls, and bridges.signalwire.signing_key the project's."
)
NO_BEARER = "Expected the bearer token that the webhook's answer gave for streams."
PURPOSE = b"trunkline: streams of signalwire"


class SignalWireSection(TwimlSection):
    """Calls from SignalWire's cXML streams; the number's webhook is /signalwire/voice."""

    targets: dict[str, str] = targets_of("signalwire")
    signing_key: Secret = Field(default=Private(""), description="The project's; it signs.")
    stream_token: Secret = Field(
        default=Private(""),
        description="Bearer token of streams, for cXML of your own; empty: one is made of the key.",
    )
    codec: Literal["PCMU", "PCMA", "L16@8000h", "L16@16000h", "L16@24000h"] = Field(
        default="PCMU", description="Of the stream, both ways; L16@24000h for callers in HD."
    )
    l16_order: Literal["little", "big"] = Field(
        default="little", description='Which byte of L16 comes first, "little" or "big".'
    )
    space: str = Field(
        default="",
        description="To end, put through and begin calls over the API; empty: no API.",
        examples=["example.signalwire.com"],
    )
    project_id: str = Field(default="", description="The project, for the API.")
    api_token: Secret = Field(default=Private(""), description="The project's, for the API.")


def bearer(section: SignalWireSection) -> str:
    """The word that streams show."""
    if section.stream_token:
        return section.stream_token.reveal()
    key = section.signing_key.reveal()  # without which nobody can make it
    return urlsafe_b64encode(hmac.digest(key.encode(), PURPOSE, "sha256")).decode().rstrip("=")


def _open(desk: Desk, section: SignalWireSection) -> Doors:
    need(section, "signalwire", "signing_key")
    if section.space:
        need(section, "signalwire", "project_id", "api_token")
    key = section.signing_key.reveal()

    def signed(connection: HTTPConnection, url: str, fields: Pairs, body: bytes) -> str:
        shown = next(filter(None, map(connection.headers.get, SIGNATURES)), "")
        whole = [
            hmac.compare_digest(
                shown.encode(), hmac.digest(key.encode(), said, "sha1").hex().encode()
            )
            for said in (spelt.encode() + body for spelt in spellings(url))
        ]
        return "" if is_signed(shown, key, "sha1", url, fields) | any(whole) else UNSIGNED

    def admits(connection: HTTPConnection, url: str) -> str:
        del url
        shown = connection.headers.get("authorization", "")
        right = hmac.compare_digest(shown.encode(), f"Bearer {bearer(section)}".encode())
        return "" if right else NO_BEARER

    address = section.space if "://" in section.space else f"https://{section.space}"
    base = f"{address}/api/laml/2010-04-01/Accounts/{section.project_id}"
    api = Api("SignalWire", base, section.project_id, section.api_token, desk.http)
    provider = Provider(
        name="signalwire",
        section=section,
        signed=signed,
        admits=admits,
        api=api if section.space else None,
        inline=False,  # its API takes the address of TwiML only
        wide="pcm16" if section.l16_order == "little" else "pcm16be",
        attributes={"codec": section.codec, "realtime": "true", "authBearerToken": bearer(section)},
    )
    return Carrier(desk, provider).doors()


BRIDGE = Bridge("signalwire", SignalWireSection, _open)
