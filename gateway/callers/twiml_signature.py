"""Signatures of requests as Twilio makes them: an HMAC over the address and the form's fields.

Providers are not of one mind whether a port or a last slash belongs to the address that they sign,
so all spellings of it are tried; all of them each time, so that the time taken tells nothing.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from urllib.parse import SplitResult, parse_qs, urlsplit, urlunsplit

Pairs = Iterable[tuple[str, str]]

PORTS = {"https": 443, "wss": 443, "http": 80, "ws": 80}


def signature(key: str, algorithm: str, url: str, fields: Pairs) -> str:
    """In base64; `algorithm` as in hashlib."""
    values: dict[str, set[str]] = {}
    for name, value in fields:
        values.setdefault(name, set()).add(value)
    joined = "".join(name + value for name in sorted(values) for value in sorted(values[name]))
    return b64encode(hmac.digest(key.encode(), (url + joined).encode(), algorithm)).decode()


def is_signed(shown: str, key: str, algorithm: str, url: str, fields: Pairs) -> bool:
    """Whether the signature fits any spelling of the address. Takes the same time if not."""
    pairs = list(fields)
    fits = [
        hmac.compare_digest(shown.encode(), signature(key, algorithm, spelt, pairs).encode())
        for spelt in spellings(url)
    ]
    return bool(key) and any(fits)


def has_body(url: str, body: bytes) -> bool:
    """Whether the address, which is signed, names the hash of this body."""
    named = parse_qs(urlsplit(url).query).get("bodySHA256", [""])[0]
    return hmac.compare_digest(named.encode(), sha256(body).hexdigest().encode())


def spellings(url: str) -> list[str]:
    """The address with and without its port, with and without a slash at the end of its path."""
    parts = urlsplit(url)
    host = parts.netloc.removesuffix(f":{parts.port}") if parts.port else parts.netloc
    hosts = {parts.netloc, host}
    if parts.port in (None, PORTS.get(parts.scheme)):
        hosts.add(f"{host}:{PORTS.get(parts.scheme, 443)}")
    paths = {parts.path, parts.path.rstrip("/") or "/", parts.path.rstrip("/") + "/"}
    return [
        urlunsplit(SplitResult(parts.scheme, netloc, path, parts.query, ""))
        for netloc in sorted(hosts)
        for path in sorted(paths)
    ]


def settings_of(header: str) -> Mapping[str, str]:
    """The header that names another algorithm: `key=…,algorithm=HMAC_SHA256`."""
    pairs = (part.partition("=") for part in header.split(",") if "=" in part)
    return {name.strip(): value.strip() for name, _, value in pairs}
