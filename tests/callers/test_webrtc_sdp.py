"""SDP offers as browsers make them, as they should not be, and the answers to them."""

from __future__ import annotations

import pytest

from gateway.callers.webrtc.sdp import Local, SdpError, answer, parse

LOCAL = Local("abcd", "p" * 22, (("sha-256", "AA:BB"),), 42, ("1 1 udp 1 192.0.2.1 4000 typ host",))
OFFER = """v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1 2
a=fingerprint:sha-256 00:11
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 126
a=mid:0
a=sendrecv
a=ice-ufrag:UfRg
a=ice-pwd:0123456789012345678901
a=setup:actpass
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtpmap:0 PCMU/8000
a=rtpmap:126 telephone-event/8000
a=rtpmap:110 telephone-event/48000
a=candidate:1 1 udp 2113937151 192.0.2.7 50000 typ host generation 0
m=video 9 UDP/TLS/RTP/SAVPF 96
a=mid:1
a=sendonly
a=rtpmap:96 VP8/90000
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
a=mid:2
a=sctp-port:5000
a=max-message-size:262144
""".replace("\n", "\r\n")


def without(*lines: str) -> str:
    return "".join(
        line for line in OFFER.splitlines(keepends=True) if not line.startswith(tuple(lines))
    )


def test_a_browsers_offer_is_understood() -> None:
    offer = parse(OFFER)
    assert (offer.payload_type, offer.keys) == (111, 110)
    assert (offer.sends, offer.receives) == (True, True)
    assert offer.transport.setup == "active"
    assert offer.transport.fingerprints == (("sha-256", "00:11"),)
    assert offer.largest == 262_144
    assert len(offer.transport.candidates) == 1


def test_the_answer_takes_opus_and_the_channel_and_declines_the_rest() -> None:
    lines = answer(parse(OFFER), LOCAL).split("\r\n")
    assert "a=group:BUNDLE 0 2" in lines
    assert [line for line in lines if line.startswith("m=")] == [
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 110",
        "m=video 0 UDP/TLS/RTP/SAVPF 96",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    ]
    assert lines.count("a=candidate:1 1 udp 1 192.0.2.1 4000 typ host") == 1
    assert lines.count("a=setup:active") == 2


@pytest.mark.parametrize(
    ("offered", "answered"),
    [("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")],
)
def test_a_direction_is_answered_by_its_opposite(offered: str, answered: str) -> None:
    text = OFFER.replace("a=sendrecv", f"a={offered}")
    assert f"a={answered}" in answer(parse(text), LOCAL).split("m=video")[0]


def test_a_channel_on_a_transport_of_its_own_is_declined() -> None:
    text = OFFER.replace("BUNDLE 0 1 2", "BUNDLE 0 1")
    assert parse(text).data is None
    assert "m=application 0 " in answer(parse(text), LOCAL)


@pytest.mark.parametrize(
    ("text", "kind", "named"),
    [
        ("v=1", "invalid_offer", "v=0"),
        ("v=0\r\n" + "a" * 70_000, "offer_too_large", "65536"),
        (OFFER.replace("m=audio", "m=video"), "no_audio", "m=audio"),
        (without("a=rtpmap:111"), "unsupported_codec", "PCMU/8000"),
        (without("a=ice-pwd"), "invalid_offer", "ice-pwd"),
        (without("a=fingerprint"), "invalid_offer", "fingerprint"),
        (OFFER.replace("sha-256", "md5"), "invalid_offer", "sha-256"),
        (OFFER.replace("actpass", "holdconn"), "invalid_offer", "holdconn"),
        (OFFER.replace("m=audio 9", "m=audio nine"), "invalid_offer", "nine"),
        (OFFER.replace("m=audio 9", "m=audio \u00b2"), "invalid_offer", "\u00b2"),
        (OFFER.replace("m=audio 9", "m=audio " + "9" * 5_000), "invalid_offer", "999"),
        (OFFER.replace("rtpmap:111", "rtpmap:\u00b2"), "unsupported_codec", "PCMU/8000"),
        (OFFER.replace("rtpmap:111", "rtpmap:" + "1" * 5_000), "unsupported_codec", "PCMU/8000"),
    ],
)
def test_what_cannot_be_answered_is_named(text: str, kind: str, named: str) -> None:
    with pytest.raises(SdpError, match=named) as refused:
        parse(text)
    assert refused.value.kind == kind
