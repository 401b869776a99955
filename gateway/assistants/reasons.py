"""Reasons: why the way to a model is gone, in words for the person who can mend it."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping

from gateway.assistants.fields import inner, parse, text
from gateway.call.faults import ends_session
from gateway.errors import TrunklineError
from gateway.sockets.client import ProxyFailedError, RefusedError
from gateway.sockets.socket import Closed

KEYLIKE = re.compile(r"\b(?:sk|ek|rk|pk)[-_][\w*.\-]{4,}|\bBearer\s+\S+", re.ASCII)
LONGEST = 300  # characters of a server's own words that are passed on

CHECK_KEY = "check OPENAI_API_KEY or [assistant] api_key, then run `trunkline doctor --live`"

# What people can do about codes after which the session is of no use; `faults` says which are.
FATAL: Mapping[str, str] = {
    "invalid_api_key": f"the key was refused; {CHECK_KEY}",
    "insufficient_quota": "the account has no credit left; add some, or set another api_key",
    "billing_hard_limit_reached": "the account's spending limit is reached; raise it",
    "account_deactivated": "the account is closed; ask the provider, or set another api_key",
    "session_expired": "the session reached its longest duration; a new one has to be opened",
    "beta_api_shape_disabled": (
        "the server no longer speaks the Beta shape; use kind 'openai', or a provider whose "
        "shape is 'ga'"
    ),
    "model_not_found": "the key may not use this model, or it is gone; check [assistant] model",
    "model_load_error": "the server could not load the model; see its log",
    "invalid_intent": "the address asks for another kind of session; check [assistant] base_url",
}

STATUS: Mapping[int, str] = {
    400: "the request was refused; check [assistant] model (for Azure the deployment's name)",
    401: f"the key was refused; {CHECK_KEY}",
    402: "the account has no credit left; add some, or set another api_key",
    403: "the key may not do this; check its project and permissions, the region and the model",
    404: "nothing answers at this address; check [assistant] base_url and model",
    429: "too many sessions or requests for this account; wait, or raise its limits",
}

CLOSES: Mapping[int, str] = {
    1000: "the server ended the session",
    1001: "the server went away; a new session has to be opened",
    1006: "the network dropped the connection",
    1008: f"the server refused the session; {CHECK_KEY}",
    1009: "a message was larger than the receiver takes",
    1011: "the server failed, or did not answer for 15 s; try again",
    1012: "the server restarts; try again",
    1013: "the server is too busy; try again later",
    3000: f"the key was refused; {CHECK_KEY}",
    4000: "the server refused the session; check [assistant] kind, base_url and model",
}


def redact(words: str, key: str = "") -> str:
    """A server's words, shortened and without anything that looks like a key."""
    if len(key) >= 4:
        words = words.replace(key, "[key]")
    words = KEYLIKE.sub("[key]", words)
    words = "".join(sign if sign.isprintable() else " " for sign in words)
    return words if len(words) <= LONGEST else words[:LONGEST] + "…"


def of_error(host: str, code: str, message: str) -> str:
    """An error event that ends the session, or one that came before the session began."""
    advice = FATAL.get(code)
    if advice:
        return f"{host}: {advice} ({code})"
    said = message or "no words"
    return f"{host}: the session was refused ({code or 'no code'}): {said}"


def of_close(host: str, closed: Closed, key: str = "") -> str:
    """A connection that the far end, or the network between, has closed."""
    code, said = closed.code, redact(closed.reason, key)
    named = said.rpartition(".")[2]
    advice = FATAL.get(named) or CLOSES.get(code) or "the connection was closed"
    return f"{host}: {advice} (close {code}{': ' + said if said else ''})"


def code_of(fault: BaseException | Closed) -> str:
    """The provider's code for a connection that was refused or closed, else the kind of fault."""
    if isinstance(fault, RefusedError):
        return f"http_{fault.status}"
    if isinstance(fault, Closed):
        named = fault.reason.rpartition(".")[2]
        return named if ends_session(named) else f"close_{fault.code}"
    return type(fault).__name__


def of_failure(host: str, fault: BaseException, key: str = "") -> str:
    """A connection that could not be opened."""
    return f"{host or 'the assistant'}: {_failure(fault, key)}"


def _failure(fault: BaseException, key: str) -> str:
    match fault:
        case RefusedError():
            return _status(fault, key)
        case ConnectionResetError():
            return "the connection broke during the handshake; try again"
        case TimeoutError():
            return "no answer in time; check [assistant] base_url, the network and any firewall"
        case socket.gaierror():
            return "the name is not known to DNS; check [assistant] base_url and the network"
        case ssl.SSLCertVerificationError():
            return (
                f"its certificate is not trusted ({fault.verify_message}); if it is your own, "
                "name its authority in [assistant] ca_file"
            )
        case ssl.SSLError():
            return "TLS failed; is this a plain http address? check [assistant] base_url"
        case ConnectionRefusedError():
            return "nothing listens there; start the server, or check [assistant] base_url"
        case ProxyFailedError():
            return "the proxy refused the way; check [assistant] proxy"
        case TrunklineError():
            return redact(str(fault), key)
        case _:
            said = redact(str(fault), key) or "no words"
            return f"the connection could not be opened ({type(fault).__name__}: {said})"


def _status(fault: RefusedError, key: str) -> str:
    status = fault.status
    if status >= 500:
        advice = "the server failed; try again, and check the model and the kind of key"
    else:
        advice = STATUS.get(status, "the handshake was refused; check [assistant] base_url")
    said = "" if status == 401 else _words(fault.body, key)
    return f"{advice} (HTTP {status}{': ' + said if said else ''})"


def _words(body: bytes, key: str) -> str:
    """What the body of a refusal says, where it is the JSON that these servers send."""
    error = inner(parse(body) or {}, "error")
    parts = [redact(part, key) for part in (text(error, "code"), text(error, "message")) if part]
    return ": ".join(parts)
