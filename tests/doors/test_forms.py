"""Forms as clients send them, and as nobody should."""

from __future__ import annotations

import pytest

from gateway.doors.forms import is_form, parts

KIND = "multipart/form-data; boundary=x"
LARGE = 250_000  # bytes, about as many as a request may have


def body(*heads: str, content: str = "v=0\r\n", ending: str = "--x--\r\n") -> bytes:
    said = "".join(f"--x\r\n{head}\r\n\r\n{content}\r\n" for head in heads)
    return (said + ending).encode()


def test_the_parts_are_found_by_name_as_they_were_sent() -> None:
    sent = body(
        'Content-Disposition: form-data; name="sdp"\r\nContent-Type: application/sdp',
        'content-disposition:form-data;filename="a;name=b" ; NAME=session',
    )
    assert parts(KIND, sent) == {"sdp": b"v=0\r\n", "session": b"v=0\r\n"}
    quoted = 'Multipart/Form-Data; charset=utf-8; boundary="x"'
    assert is_form(quoted)
    assert parts(quoted, b"before\r\n" + sent).keys() == {"sdp", "session"}


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("multipart/form-data", body("content-disposition: form-data; name=sdp")),
        (KIND, b""),
        (KIND, b"--x"),
        (KIND, b"--x--\r\n--x\r\ncontent-disposition: form-data; name=sdp\r\n\r\nlate"),
        (KIND, body("content-type: text/plain")),
    ],
    ids=["no boundary", "nothing", "cut off", "after the end", "no name"],
)
def test_what_is_no_form_has_no_parts(kind: str, sent: bytes) -> None:
    assert parts(kind, sent) == {}


@pytest.mark.parametrize(
    "head",
    [
        "content-type: " + "a;" * (LARGE // 2),
        "content-disposition: " + "(" * LARGE,
        "content-disposition: form-data" + '; a="\\"' * (LARGE // 7),
        "content-disposition: form-data;" + " " * LARGE,
        "content-disposition: form-data" + "; a" * (LARGE // 3),
        "a:\r\n" * (LARGE // 4) + "b:",
    ],
    ids=["type", "comments", "quotes", "spaces", "parameters", "headers"],
)
def test_a_header_that_is_made_to_take_long_does_not(head: str) -> None:
    wanted = "content-disposition: form-data; name=sdp"
    assert parts(KIND, body(wanted, head)) == {"sdp": b"v=0\r\n"}
    assert parts(KIND + ";" + head[:60_000], body(wanted)) == {"sdp": b"v=0\r\n"}
