"""The socket that the gateway listens on, or a sentence that says why it cannot be had."""

from __future__ import annotations

import errno
import socket

from gateway.errors import TrunklineError


class InUseError(TrunklineError):
    """Somebody listens there already."""


def listen(host: str, port: int) -> socket.socket:
    """A bound TCP socket, for uvicorn's `serve(sockets=[...])`; the caller closes it."""
    where = f"{host}:{port}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise TrunklineError(
            f"cannot listen on {where}: {host!r} names no address of this machine; expected an IP"
            ' address or a host name, such as server.host = "127.0.0.1"'
        ) from None
    family, kind, protocol, _, address = found[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        taken = error.errno == errno.EADDRINUSE
        fault = InUseError if taken else TrunklineError
        raise fault(f"cannot listen on {where}: {_why(error, port)}") from None
    return bound


def _why(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} is in use, by another program or another Trunkline; end that one, or"
            f" choose another port: --port {port + 1 if port < 65535 else 8080}"
        )
    if error.errno == errno.EACCES:
        return f"port {port} is for the administrator only; choose one above 1023: --port 8080"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address; --host 127.0.0.1 is always there"
    return error.strerror or str(error)
