"""SDP: what a browser offers, and the answer: RFC 8829 and 8866, as much of it as a call needs.

An offer names one audio stream with Opus and, mostly, one data channel transport, both on one
transport (BUNDLE) with RTP and RTCP on one port. The answer takes just these and declines the rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gateway.errors import WireError

LARGEST_OFFER = 64 * 1024  # bytes
LARGEST_MESSAGE = 256 * 1024  # bytes of one message on the data channel
CANDIDATES = 50  # of an offer that are tried
HASHES = ("sha-256", "sha-384", "sha-512")
SETUPS = {"actpass": "active", "passive": "active", "active": "passive"}


class SdpError(WireError):
    """The offer cannot be answered: says what was expected, what came, what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.kind = code


@dataclass(frozen=True, slots=True)
class Media:
    """One m-line of an offer."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        """The values of an attribute."""
        return [value for key, value in self.attributes if key == name]

    def one(self, name: str, otherwise: str = "") -> str:
        """The first value of an attribute."""
        return next((value for key, value in self.attributes if key == name), otherwise)

    @property
    def mid(self) -> str:
        """Its name within the bundle."""
        return self.one("mid")


@dataclass(frozen=True, slots=True)
class Transport:
    """The caller's end of the one transport."""

    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]  # hash, value
    setup: str  # what we are to be: active or passive
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """What a caller's browser offers, as far as it is taken."""

    media: tuple[Media, ...]
    audio: Media
    data: Media | None
    payload_type: int  # of Opus
    keys: int | None  # payload type of telephone keys at 48 kHz, RFC 4733
    transport: Transport
    sends: bool  # whether the caller sends sound
    receives: bool
    sctp_port: int
    largest: int  # bytes of one message that the caller takes

    @property
    def taken(self) -> list[Media]:
        """What is answered; the rest is declined."""
        return [media for media in self.media if media is self.audio or media is self.data]


@dataclass(frozen=True, slots=True)
class Local:
    """Our end of the transport."""

    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]
    ssrc: int
    candidates: tuple[str, ...] = field(default=())


def parse(text: str) -> Offer:
    """An offer that can be answered. Raises SdpError."""
    if len(text) > LARGEST_OFFER:
        raise SdpError("offer_too_large", f"Expected an SDP offer of at most {LARGEST_OFFER} bytes")
    if not text.startswith("v=0"):
        raise SdpError(
            "invalid_offer",
            "Expected an SDP offer, which begins with v=0. Send pc.localDescription.sdp as it is.",
        )
    session, media = _sections(text)
    bundle = next((v.split()[1:] for k, v in session if k == "group" and v[:7] == "BUNDLE "), [])
    audio = _first(media, "audio", bundle)
    if audio is None:
        raise SdpError(
            "no_audio",
            "Expected an m=audio line, and the offer has none. Add the microphone's track, or "
            "addTransceiver('audio'), before createOffer.",
        )
    data = _first(media, "application", bundle)
    if data and not ("webrtc-datachannel" in data.formats and {data.mid, audio.mid} <= {*bundle}):
        data = None
    return Offer(
        media=tuple(media),
        audio=audio,
        data=data,
        payload_type=_opus(audio),
        keys=_payload_type(audio, "telephone-event/48000"),
        transport=_transport(dict(session), audio, media),
        sends=not any(name in ("recvonly", "inactive") for name, _ in audio.attributes),
        receives=not any(name in ("sendonly", "inactive") for name, _ in audio.attributes),
        sctp_port=_number(data, "sctp-port", 5_000),
        largest=_number(data, "max-message-size", 65_536) or 1 << 30,
    )


def answer(offer: Offer, local: Local) -> str:
    """The answer: Opus and the data channel on one transport, all else declined."""
    lines = ["v=0", f"o=- {local.ssrc} 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    lines.append("a=group:BUNDLE " + " ".join(media.mid for media in offer.taken))
    lines.append("a=msid-semantic: WMS trunkline")
    for media in offer.media:
        if media is offer.audio:
            lines += _audio_lines(offer, local)
        elif media is offer.data:
            lines += [f"m=application 9 {media.protocol} webrtc-datachannel", "c=IN IP4 0.0.0.0"]
            lines += _transport_lines(offer, local, media)
            lines += ["a=sctp-port:5000", f"a=max-message-size:{LARGEST_MESSAGE}"]
        else:
            lines += [f"m={media.kind} 0 {media.protocol} {media.formats[0]}", "c=IN IP4 0.0.0.0"]
            lines += [f"a=mid:{media.mid}", "a=inactive"]
    return "\r\n".join(lines) + "\r\n"


def _audio_lines(offer: Offer, local: Local) -> list[str]:
    opus = offer.payload_type
    types = [opus] if offer.keys is None else [opus, offer.keys]
    directions = {(True, True): "sendrecv", (True, False): "recvonly", (False, True): "sendonly"}
    lines = [
        f"m=audio 9 {offer.audio.protocol} {' '.join(map(str, types))}",
        "c=IN IP4 0.0.0.0",
        f"a={directions.get((offer.sends, offer.receives), 'inactive')}",
        f"a=rtpmap:{opus} opus/48000/2",
        # A copy of the last packet in each where packets get lost, no packets for silence, and
        # speech needs no stereo.
        f"a=fmtp:{opus} minptime=10;useinbandfec=1;usedtx=1;stereo=0;sprop-stereo=0",
    ]
    if offer.keys is not None:
        lines += [f"a=rtpmap:{offer.keys} telephone-event/48000", f"a=fmtp:{offer.keys} 0-15"]
    lines += ["a=ptime:20", "a=rtcp-mux", "a=msid:trunkline voice"]
    lines += [f"a=ssrc:{local.ssrc} cname:trunkline", *_transport_lines(offer, local, offer.audio)]
    return lines


def _transport_lines(offer: Offer, local: Local, media: Media) -> list[str]:
    lines = [f"a=mid:{media.mid}", f"a=ice-ufrag:{local.ufrag}", f"a=ice-pwd:{local.password}"]
    lines += [f"a=fingerprint:{name} {value}" for name, value in local.fingerprints]
    lines.append(f"a=setup:{offer.transport.setup}")
    if media is offer.taken[0]:
        lines += [f"a=candidate:{one}" for one in local.candidates] + ["a=end-of-candidates"]
    return lines


def _sections(text: str) -> tuple[list[tuple[str, str]], list[Media]]:
    session: list[tuple[str, str]] = []
    found: list[tuple[str, list[tuple[str, str]]]] = []
    for line in text.splitlines():
        if line.startswith("m="):
            found.append((line[2:], []))
        elif line.startswith("a="):
            name, _, value = line[2:].partition(":")
            (found[-1][1] if found else session).append((name, value.strip()))
    return session, [_media(head, attributes) for head, attributes in found]


def _media(head: str, attributes: list[tuple[str, str]]) -> Media:
    words = head.split()
    if len(words) < 4 or not re.fullmatch("[0-9]{1,5}", words[1]):
        raise SdpError(
            "invalid_offer",
            f"Expected a line such as m=audio 9 UDP/TLS/RTP/SAVPF 111, and m={head[:60]} came.",
        )
    return Media(words[0], int(words[1]), words[2], tuple(words[3:]), tuple(attributes))


def _first(media: list[Media], kind: str, bundle: list[str]) -> Media | None:
    """The first of that kind; others would need a transport of their own."""
    return next((m for m in media if m.kind == kind and (m.port or m.mid in bundle)), None)


def _opus(audio: Media) -> int:
    found = _payload_type(audio, "opus/48000/2")
    if found is None:
        offered = ", ".join(v.partition(" ")[2] for v in audio.all("rtpmap")) or "none by name"
        raise SdpError(
            "unsupported_codec",
            "Expected opus/48000/2 among the audio codecs, and these were offered: "
            f"{offered[:200]}. Offer Opus.",
        )
    return found


def _payload_type(audio: Media, codec: str) -> int | None:
    for value in audio.all("rtpmap"):
        number, _, name = value.partition(" ")
        if name.lower() == codec and re.fullmatch("[0-9]{1,3}", number) and int(number) < 128:
            return int(number)
    return None


def _transport(session: dict[str, str], audio: Media, media: list[Media]) -> Transport:
    ufrag = audio.one("ice-ufrag", session.get("ice-ufrag", ""))
    password = audio.one("ice-pwd", session.get("ice-pwd", ""))
    if not re.fullmatch(r"[\w+/=-]{4,256}", ufrag) or not re.fullmatch(r"\S{22,256}", password):
        raise SdpError("invalid_offer", "Expected a=ice-ufrag and a=ice-pwd for the audio.")
    pairs = [v.split() for v in (*audio.all("fingerprint"), session.get("fingerprint", ""))]
    prints = tuple((p[0].lower(), p[1]) for p in pairs if len(p) == 2 and p[0].lower() in HASHES)
    if not prints:
        raise SdpError(
            "invalid_offer", f"Expected an a=fingerprint with one of {', '.join(HASHES)}."
        )
    setup = audio.one("setup", session.get("setup", "actpass"))
    if setup not in SETUPS:
        raise SdpError("invalid_offer", f"Expected a=setup:actpass, and a=setup:{setup[:20]} came.")
    candidates = tuple(one for each in media for one in each.all("candidate"))[:CANDIDATES]
    return Transport(ufrag, password, prints, SETUPS[setup], candidates)


def _number(media: Media | None, name: str, otherwise: int) -> int:
    value = media.one(name) if media else ""
    return int(value) if re.fullmatch("[0-9]{1,10}", value) else otherwise
