"""Pictures for tests, drawn as they are needed."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image as Pillow


def drawn(kind: str = "PNG", size: tuple[int, int] = (64, 48), **options: Any) -> bytes:
    """A picture that is red on its left half and blue on its right."""
    picture = Pillow.new("RGB", size, "red")
    picture.paste("blue", (size[0] // 2, 0, size[0], size[1]))
    out = BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def opened(data: bytes) -> Pillow.Image:
    """The picture that these bytes hold, read to its end."""
    picture = Pillow.open(BytesIO(data))
    picture.load()
    return picture
