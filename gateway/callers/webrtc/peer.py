"""One peer connection as it answers an offer: ICE, DTLS, SRTP and a data channel.

This file, and `gathering` beside it, know aiortc and aioice from inside. They keep ICE, DTLS and
SCTP; media does not go through aiortc's senders and receivers, which hand each frame to another
thread, keep a jitter buffer of fixed size and compute audio levels in Python. A datagram of SRTP is
taken where it arrives, before it becomes a task, and one of ours is written to the socket at once.
A test says for which versions that was checked.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from contextlib import suppress
from typing import Any, Protocol

import aioice.ice
import pylibsrtp
from aioice.candidate import Candidate
from aiortc import (
    RTCCertificate,
    RTCDataChannel,
    RTCDataChannelParameters,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceGatherer,
    RTCIceParameters,
    RTCIceServer,
    RTCIceTransport,
    RTCSctpCapabilities,
    RTCSctpTransport,
)
from aiortc.exceptions import InvalidStateError
from OpenSSL import SSL

from gateway.callers.webrtc.gathering import announced, gather
from gateway.callers.webrtc.ice import IceSettings, credentials
from gateway.callers.webrtc.rtp import is_rtcp
from gateway.callers.webrtc.sdp import Local, Offer, answer
from gateway.errors import TrunklineError

log = logging.getLogger(__name__)

CHECKED = {"aiortc": "1.16", "aioice": "0.13", "pylibsrtp": "1.0"}


class PeerError(TrunklineError):
    """The connection was not made."""


class Handler(Protocol):
    """Who is told what comes."""

    def rtp(self, packet: bytes) -> None: ...
    def rtcp(self, packet: bytes) -> None: ...
    def opened(self) -> None: ...
    def message(self, message: str | bytes) -> None: ...
    def lost(self, reason: str, *, broken: bool) -> None: ...


class Peer:
    """Our end of one connection."""

    def __init__(
        self, ice: IceSettings, handler: Handler, label: str, channel_id: int | None
    ) -> None:
        self.ssrc = secrets.randbits(32)
        self.heard_at = 0.0  # when the last datagram came, by the loop's clock
        self._settings = ice
        self._handler = handler
        self._label = label
        self._channel_id = channel_id  # of a channel that both sides know without opening it
        self._gatherer = RTCIceGatherer(iceServers=_servers(ice))
        self._ice = RTCIceTransport(self._gatherer)
        self._dtls = RTCDtlsTransport(self._ice, [RTCCertificate.generateCertificate()])
        self._connection = self._gatherer._connection
        self._connection.get_component_candidates = self._gather  # type: ignore
        self._send_data = self._dtls._send_data
        self._dtls._send_data = self._send_while_open  # type: ignore[method-assign]
        self._sctp: RTCSctpTransport | None = None
        self._channel: RTCDataChannel | None = None
        self._offer: Offer | None = None
        self._closing = False

    # ------------------------------------------------------------ making the connection

    async def answer(self, offer: Offer) -> str:
        """Our answer, with all our candidates in it. Raises PeerError where there are none."""
        self._offer = offer
        await self._gatherer.gather()
        candidates = self._connection.local_candidates
        if not candidates:
            raise PeerError(
                "Expected at least one address for WebRTC, and none could be opened; look at "
                "webrtc.ports and at the network of this machine."
            )
        prints = self._dtls.getLocalParameters().fingerprints
        ours = self._gatherer.getLocalParameters()
        local = Local(
            ufrag=str(ours.usernameFragment),
            password=str(ours.password),
            fingerprints=tuple((p.algorithm, p.value) for p in prints if p.algorithm == "sha-256"),
            ssrc=self.ssrc,
            candidates=tuple(c.to_sdp() for c in announced(candidates, self._settings)),
        )
        return answer(offer, local)

    async def _gather(self, component: int, addresses: list[str]) -> list[Candidate]:
        """In the place of aioice's own, which takes any port and waits for five seconds."""
        return await gather(self._connection, self._settings, addresses, self._protocol)

    async def connect(self) -> None:
        """Find the way, agree on keys, open the data channel's transport. Raises PeerError."""
        assert self._offer is not None
        theirs = self._offer.transport
        for text in theirs.candidates:
            with suppress(ValueError):
                candidate = Candidate.from_sdp(text)
                # A name that only the caller's own network knows; its checks will reach us.
                if candidate.transport == "udp" and not candidate.host.endswith(".local"):
                    await self._connection.add_remote_candidate(candidate)
        await self._ice.start(RTCIceParameters(theirs.ufrag, theirs.password))
        if self._ice.state != "completed":
            raise PeerError("no way to the caller was found")
        self._dtls._set_role("client" if theirs.setup == "active" else "server")
        self._dtls.on("statechange", self._dtls_changed)
        prints = [RTCDtlsFingerprint(algorithm=a, value=v) for a, v in theirs.fingerprints]
        await self._dtls.start(RTCDtlsParameters(fingerprints=prints))
        if self._dtls.state != "connected":
            raise PeerError("the caller's keys do not fit")
        assert self._dtls._task is not None
        self._dtls._task.add_done_callback(_retrieved)
        if self._offer.data is not None:
            await self._open_channels(self._offer)

    async def _open_channels(self, offer: Offer) -> None:
        self._sctp = RTCSctpTransport(self._dtls)
        self._sctp.on("datachannel", self._take_channel)
        await self._sctp.start(RTCSctpCapabilities(maxMessageSize=offer.largest), offer.sctp_port)
        if self._channel_id is not None:
            known = RTCDataChannelParameters(
                label=self._label, negotiated=True, id=self._channel_id
            )
            self._take_channel(RTCDataChannel(self._sctp, known))

    async def _send_while_open(self, data: bytes) -> None:
        """In the place of aiortc's own, which fails in tasks that nobody waits for."""
        with suppress(ConnectionError, SSL.Error):
            await self._send_data(data)

    def _take_channel(self, channel: RTCDataChannel) -> None:
        if channel.label != self._label or self._channel is not None:
            log.info("a data channel of another name is not used")
            return
        self._channel = channel
        channel.on("message", self._handler.message)
        if channel.readyState == "open":
            self._handler.opened()
        else:
            channel.on("open", self._handler.opened)

    def _dtls_changed(self) -> None:
        if self._dtls.state in ("closed", "failed") and not self._closing:
            broken = self._connection._closing  # then nobody answered us any more
            self._handler.lost("line broke" if broken else "hung up", broken=broken)

    # ------------------------------------------------------------ what comes and goes

    def _protocol(self) -> aioice.ice.StunProtocol:
        protocol = aioice.ice.StunProtocol(self._connection)
        otherwise = protocol.datagram_received
        clock = asyncio.get_running_loop().time

        def received(data: bytes | str, addr: tuple[Any, ...]) -> None:
            self.heard_at = clock()
            if isinstance(data, bytes) and len(data) > 12 and 127 < data[0] < 192:
                self._srtp(data)
            else:
                otherwise(data, addr)

        protocol.datagram_received = received  # type: ignore[method-assign]
        return protocol

    def _srtp(self, data: bytes) -> None:
        session = self._dtls._rx_srtp
        if session is None or self._closing:
            return
        try:
            if is_rtcp(data):
                self._handler.rtcp(session.unprotect_rtcp(data))
            else:
                self._handler.rtp(session.unprotect(data))
        except pylibsrtp.Error:
            log.debug("a packet that is not the caller's is dropped")

    @property
    def ready(self) -> bool:
        """Whether media can be sent."""
        return self._dtls._tx_srtp is not None and not self._closing

    def send_rtp(self, packet: bytes) -> None:
        """Send a packet now, or never."""
        if self.ready:
            self._write(self._dtls._tx_srtp.protect(packet))

    def send_rtcp(self, packet: bytes) -> None:
        """Send a compound packet now, or never."""
        if self.ready:
            self._write(self._dtls._tx_srtp.protect_rtcp(packet))

    def _write(self, data: bytes) -> None:
        pair = self._connection._nominated.get(1)
        if pair is not None and not pair.protocol.transport.is_closing():
            pair.protocol.transport.sendto(data, pair.remote_addr)

    def send(self, message: str | bytes) -> bool:
        """Send a message on the data channel; False where there is none, or it is too large."""
        if self._channel is None:
            return False
        try:
            self._channel.send(message)
        except (InvalidStateError, ValueError):
            return False
        return True

    @property
    def waiting(self) -> int:
        """Bytes that wait to be sent on the data channel."""
        return self._channel.bufferedAmount if self._channel else 0

    async def drained(self) -> None:
        """Wait until the caller has all that was sent on the data channel."""
        sctp = self._sctp
        while self._dtls.state == "connected" and sctp is not None:
            if not (self.waiting or sctp._outbound_queue or sctp._sent_queue):
                return
            await asyncio.sleep(0.01)  # aiortc has no event for it

    @property
    def flooded(self) -> bool:
        """Whether the caller began more on its data channel than it was allowed to."""
        return self._sctp is not None and self._sctp._advertised_rwnd <= 0

    async def close(self) -> None:
        """Say goodbye and give everything back."""
        self._closing = True
        with suppress(ConnectionError):
            if self._sctp is not None:
                await self._sctp.stop()
        await self._dtls.stop()
        await self._ice.stop()


def _servers(settings: IceSettings) -> list[RTCIceServer]:
    made = credentials(settings, "trunkline", time.time())
    return [
        RTCIceServer(urls=url, username=made.username, credential=made.password)
        for url in settings.servers
    ]


def _retrieved(task: asyncio.Future[None]) -> None:
    """A caller that breaks SCTP ends its connection, and nothing else."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("a caller broke the protocol", extra={"error": type(error).__name__})
