"""Pictures made fit for a model: of a size it takes, upright, and without what a camera notes."""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import TYPE_CHECKING

from gateway.errors import TrunklineError
from tools.context import Image
from tools.pictures import dimensions

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

KINDS = ("PNG", "JPEG", "WEBP", "GIF")
LONGEST = 2_048  # pixels of either side: models make more than that smaller themselves
MOST = 50_000_000  # pixels of what comes; unpacked, each takes up to four bytes
LARGEST = 12 * 1024 * 1024  # bytes of what comes
SHARP = 512 * 1024  # bytes up to which a PNG stays one: most likely it is a screen, not a photo
QUALITY = 85  # of a JPEG


class PictureError(TrunklineError):
    """This cannot be shown to a model; the message is for whoever sent it."""


async def fit(image: Image) -> Image:
    """The same picture as a PNG or JPEG, at most LONGEST a side. Raises PictureError.

    Only pixels are taken over: no place, no time, no camera, no name of a file.
    """
    _check(image.data)
    return await asyncio.to_thread(_drawn, image.data)


def _check(data: bytes) -> None:
    """Refuse by the first bytes what must not be unpacked."""
    if len(data) > LARGEST:
        raise PictureError(
            f"Expected a picture of at most {LARGEST >> 20} MiB, and one of "
            f"{len(data) / 2**20:.1f} MiB came; make it smaller."
        )
    size = dimensions(data)
    if size is None or not all(size):
        raise PictureError("Expected a picture: PNG, JPEG, WebP or GIF. What came is none.")
    _check_size(size)


def _check_size(size: tuple[int, int]) -> None:
    if size[0] * size[1] > MOST:
        raise PictureError(
            f"Expected a picture of at most {MOST // 1_000_000} megapixels, and one of "
            f"{size[0]} by {size[1]} came; make it smaller."
        )


def _drawn(data: bytes) -> Image:
    from PIL import Image as Pillow
    from PIL import ImageOps

    try:
        with Pillow.open(BytesIO(data), formats=KINDS) as opened:
            _check_size(opened.size)
            kind = opened.format
            opened.draft("RGB", (LONGEST, LONGEST))  # a JPEG need not be unpacked in full
            picture = ImageOps.exif_transpose(opened)
            picture.thumbnail((LONGEST, LONGEST))
            plain = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    except (OSError, ValueError, SyntaxError, IndexError, EOFError, Pillow.DecompressionBombError):
        raise PictureError("This picture is damaged: it cannot be read to its end.") from None
    plain.info = {}
    if kind != "JPEG" and len(sharp := _written(plain, "PNG")) <= SHARP:
        return Image("image/png", sharp)
    if plain.mode == "RGBA":
        paper = Pillow.new("RGBA", plain.size, "white")
        plain = Pillow.alpha_composite(paper, plain).convert("RGB")
    return Image("image/jpeg", _written(plain, "JPEG"))


def _written(picture: Picture, kind: str) -> bytes:
    out = BytesIO()
    picture.save(out, kind, quality=QUALITY)
    return out.getvalue()
