"""The entrance: who may come in over HTTP, by token, by the page they come from, by the name used.

A page of any other site, open in a browser on this machine, can reach a gateway on loopback. It
gives itself away by its Origin; where its own name was made to point here, by that name in Host.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from gateway.settings.sections import Server

KEY_ENTRY = "openai-insecure-api-key."  # of the subprotocols that a browser offers
LOOPBACK = ("localhost", "127.0.0.1", "::1")
OTHER_SITE = (
    "Another site's page may not place calls here. If it is yours, or a proxy stands before this "
    "server, name its address in server.origins, such as https://voice.example.com"
)


def other_site(connection: HTTPConnection, server: Server, is_open: bool) -> str:
    """Why the page that asks may not, in words for its maker; nothing where it may.

    `is_open`: nothing else is asked for, so that the name in Host must be ours, too.
    """
    origin = connection.headers.get("origin", "").lower()
    if origin in server.origins:
        return ""
    host = connection.headers.get("host", "").lower()
    if origin and origin.partition("://")[2] != host:
        return OTHER_SITE
    if is_open and not _is_ours(host, server):
        return OTHER_SITE
    return ""


def credential(connection: HTTPConnection) -> str:
    """What the connection shows: in a header, in its address, or where browsers have to put it."""
    scheme, _, shown = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return shown.strip()
    offered = connection.scope.get("subprotocols") or ()
    keys = (entry.removeprefix(KEY_ENTRY) for entry in offered if entry.startswith(KEY_ENTRY))
    return next(keys, "") or connection.query_params.get("token", "")


def _is_ours(host: str, server: Server) -> bool:
    """Whether that is a name of this server: of the loopback, or of an origin that is allowed."""
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name in (*LOOPBACK, server.host, *(urlsplit(one).hostname for one in server.origins))
