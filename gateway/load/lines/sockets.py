"""Sockets of callers: opened or explained, and what their end means."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec
from httpx2 import ConnectError, HTTPError, RemoteProtocolError, TimeoutException
from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from gateway.load.lines.line import (
    BROKE,
    FULL,
    NO_ANSWER,
    NOT_THERE,
    NOT_UNDERSTOOD,
    REFUSED,
    CallFailedError,
    Over,
)

T = TypeVar("T")

SECONDS = 10.0  # for a handshake
LARGEST = 16 * 1024 * 1024


class Ended:
    """Tells once how a call ended that the caller did not end."""

    def __init__(self, over: Over) -> None:
        self._over = over
        self.expected = False

    def tell(self, cause: str, detail: str) -> None:
        """It is over."""
        if not self.expected:
            self.expected = True
            self._over(cause, detail)

    def read(
        self, transport: WSTransport, frame: WSFrame, decoder: msgspec.json.Decoder[T]
    ) -> T | None:
        """What a frame says; nothing where the call is over by it, as it closes or says nothing."""
        if frame.msg_type == WSMsgType.CLOSE:
            self._closed(frame)
        else:
            try:
                return decoder.decode(frame.get_payload_as_memoryview())
            except msgspec.DecodeError as error:
                self.tell(NOT_UNDERSTOOD, str(error))
        transport.disconnect()
        return None

    def _closed(self, frame: WSFrame) -> None:
        code, reason = int(frame.get_close_code().value), frame.get_close_message() or b""
        said = reason.decode(errors="replace")[:120]
        self.tell(REFUSED if code == 1013 else BROKE, f"closed with {code} {said}".strip())

    def lost(self) -> None:
        """The connection is gone."""
        self.tell(BROKE, "the connection was lost")


async def open_socket(listener: WSListener, url: str, headers: Mapping[str, str]) -> None:
    """Open a WebSocket for that listener. Raises CallFailedError."""
    try:
        async with asyncio.timeout(SECONDS):
            transport, _ = await ws_connect(
                lambda: listener,
                url,
                extra_headers=dict(headers),
                max_frame_size=LARGEST,
                websocket_handshake_timeout=SECONDS,
                max_redirects=0,
            )
    except (WSError, OSError, TimeoutError, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and asyncio.current_task().cancelling():  # type: ignore[union-attr]
            raise
        raise explain(error) from error
    if transport.response is None:  # which counts as opened there
        raise CallFailedError(BROKE, "the connection was closed before it was answered")


def explain(error: BaseException) -> CallFailedError:
    """Why a connection did not come about, in few words that can be counted."""
    if isinstance(error, TimeoutError | TimeoutException):
        return CallFailedError(NO_ANSWER, f"{SECONDS:g} s went by")
    if any("WRONG_VERSION" in str(one) for one in _causes(error)):
        said = "no TLS is spoken there; an address without it begins with http:// or ws://"
        return CallFailedError(NOT_UNDERSTOOD, said)
    if isinstance(error, WSError):
        status = getattr(getattr(error, "response", None), "status", None)
        if status:
            return CallFailedError(REFUSED, refusal("the upgrade", int(status)))
        return CallFailedError(NOT_UNDERSTOOD, str(error)[:120])
    if isinstance(error, RemoteProtocolError) and "disconnected" not in str(error):
        return CallFailedError(NOT_UNDERSTOOD, f"no HTTP: {_words(error)}")
    if isinstance(error, socket.gaierror | ConnectionRefusedError | ConnectError):
        return CallFailedError(NOT_THERE, _words(error))
    if isinstance(error, OSError | HTTPError):
        return CallFailedError(BROKE, _words(error))
    return CallFailedError(BROKE, type(error).__name__)


def refusal(what: str, status: int) -> str:
    """What came of an HTTP request, and where to look for why."""
    said = f"{what} was answered with {status}"
    if status in (401, 403):
        return f"{said}; see LOAD_TOKEN and the address"
    if status in (429, 503):
        return f"{said}; {FULL}"
    return f"{said}; see the address" if status in (404, 405) else said


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _words(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:120]
