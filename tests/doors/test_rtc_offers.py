"""What comes with a request for a call over WebRTC."""

from __future__ import annotations

import pytest

from gateway.doors.rtc_offers import channel_of


@pytest.mark.parametrize(
    ("dcid", "channel"),
    [
        *[("1", 1), ("65534", 65_534), ("65535", None), ("", None), ("-1", None)],
        *[("\u00b2", None), ("9" * 5_000, None)],
    ],
    ids=["one", "last", "none such", "nothing", "negative", "a raised two", "too long"],
)
def test_a_channel_is_a_number_of_sctp_or_none(dcid: str, channel: int | None) -> None:
    assert channel_of(dcid) == channel
