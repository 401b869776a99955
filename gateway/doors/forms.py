"""Forms: the parts of a multipart body (RFC 7578), in time that grows with its length alone.

The parser of mail in the standard library takes minutes over a header that is made for it.
"""

from __future__ import annotations

import re

MOST = 16  # parts; what follows is not looked at
# One parameter of a header (RFC 9110, section 5.6.6).
PARAMETER = re.compile(r""";\s*([^\s;="]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;]*)""")


def is_form(kind: str) -> bool:
    """Whether a body of that content type is a form."""
    return kind.partition(";")[0].strip().lower() == "multipart/form-data"


def parts(kind: str, body: bytes) -> dict[str, bytes]:
    """The parts by name; none where the content type names no boundary."""
    boundary = _parameters(kind).get("boundary", "").encode("latin-1", "replace")
    if not boundary:
        return {}
    found: dict[str, bytes] = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary, MOST + 1)[1 : MOST + 1]:
        if part.startswith(b"--"):  # the last one ended here
            break
        head, _, content = part.partition(b"\r\n\r\n")
        name = _name(head)
        if name is not None:
            found[name] = content
    return found


def _name(head: bytes) -> str | None:
    for line in head.split(b"\r\n"):
        field, _, value = line.partition(b":")
        if field.strip().lower() == b"content-disposition":
            return _parameters(value.decode("utf-8", "replace")).get("name")
    return None


def _parameters(value: str) -> dict[str, str]:
    return {name.lower(): told.strip('"') for name, told in PARAMETER.findall(value)}
