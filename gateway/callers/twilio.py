"""Twilio: calls over its Media Streams, whose messages are in `twiml_messages`.

Requests are signed as "Webhooks security" of its documentation says: HMAC-SHA1 with the account's
auth token, or HMAC-SHA256 with a shared key where a header says so.
"""

from __future__ import annotations

from pydantic import Field
from starlette.requests import HTTPConnection

from gateway.callers.bridge import Bridge, Desk, Doors, need
from gateway.callers.twiml import Carrier, Pairs, Provider, TwimlSection
from gateway.callers.twiml_rest import Api
from gateway.callers.twiml_signature import has_body, is_signed, settings_of
from gateway.errors import SettingsError
from gateway.private import Private
from gateway.section import Secret

SIGNATURE = "x-twilio-signature"
ALGORITHM = "x-twilio-webhooks-signature-settings"
UNSIGNED = (
    "Expected X-Twilio-Signature for this address; see that server.public_url is the address at "
    "which Twilio calls, and bridges.twilio.auth_token the account's."
)
NO_SHARED_KEY = "Expected bridges.twilio.shared_key, for the request is signed with such a key."


class TwilioSection(TwimlSection):
    """Calls from Twilio's Media Streams; the number's webhook is /twilio/voice."""

    auth_token: Secret = Field(
        default=Private(""), description="The account's; it signs, and opens the API."
    )
    shared_key: Secret = Field(
        default=Private(""), description="Secret of the signatures by SHA-256, where you use them."
    )
    account_sid: str = Field(
        default="", description="To end, put through and begin calls over the API; empty: no API."
    )
    api_url: str = Field(
        default="https://api.twilio.com", description="Where the API is, for other regions."
    )
    check_upgrade: bool = Field(
        default=True, description="Whether the stream must be signed, beside its webhook."
    )
    check_ticket: bool = Field(
        default=True,
        description="Whether a stream must bring a ticket; false for TwiML of your own.",
    )


def _signed(section: TwilioSection, connection: HTTPConnection, url: str, fields: Pairs) -> str:
    shown = connection.headers.get(SIGNATURE, "")
    chosen = settings_of(connection.headers.get(ALGORITHM, ""))
    match chosen.get("algorithm", "HMAC_SHA1"):
        case "HMAC_SHA1":
            key, algorithm = section.auth_token, "sha1"
        case "HMAC_SHA256":
            key, algorithm = section.shared_key, "sha256"
        case _:
            return "Expected a signature by HMAC_SHA1 or HMAC_SHA256."
    if not key:
        return NO_SHARED_KEY
    return "" if is_signed(shown, key.reveal(), algorithm, url, fields) else UNSIGNED


def _open(desk: Desk, section: TwilioSection) -> Doors:
    need(section, "twilio", "auth_token")
    if not (section.check_upgrade or section.check_ticket):
        raise SettingsError(
            "bridges.twilio: check_upgrade and check_ticket are both false, so that anybody could "
            "open a stream; set one of them to true"
        )

    def signed(connection: HTTPConnection, url: str, fields: Pairs, body: bytes) -> str:
        if why := _signed(section, connection, url, fields):
            return why
        return "" if fields or not body or has_body(url, body) else "Expected the body's hash."

    def admits(connection: HTTPConnection, url: str) -> str:
        return _signed(section, connection, url, []) if section.check_upgrade else ""

    base = f"{section.api_url.rstrip('/')}/2010-04-01/Accounts/{section.account_sid}"
    api = Api("Twilio", base, section.account_sid, section.auth_token, desk.http)
    provider = Provider(
        name="twilio",
        section=section,
        signed=signed,
        admits=admits,
        api=api if section.account_sid else None,
        ticketed=section.check_ticket,
    )
    return Carrier(desk, provider).doors()


BRIDGE = Bridge("twilio", TwilioSection, _open)
