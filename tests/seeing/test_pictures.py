"""A picture made fit for a model: its size, its kind, what is left out, and what is refused."""

from __future__ import annotations

import struct
import zlib

import pytest
from PIL import Image as Pillow

from gateway.seeing.pictures import LARGEST, LONGEST, PictureError, fit
from tests.pictures import drawn, opened
from tools.context import Image


async def fitted(data: bytes, kind: str = "image/png") -> Image:
    return await fit(Image(kind, data, name="anna-at-home.png"))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
async def test_each_kind_is_taken_with_its_pixels(kind: str) -> None:
    image = await fitted(drawn(kind))
    assert image.media_type == ("image/jpeg" if kind == "JPEG" else "image/png")
    picture = opened(image.data).convert("RGB")
    assert picture.size == (64, 48)
    red, blue = picture.getpixel((8, 24)), picture.getpixel((56, 24))
    assert isinstance(red, tuple)
    assert isinstance(blue, tuple)
    assert red[0] > 200 > 60 > red[2]
    assert blue[2] > 200 > 60 > blue[0]


async def test_what_a_camera_notes_is_left_out_and_the_picture_stands_upright() -> None:
    notes = Pillow.Exif()
    notes[0x0112] = 6  # lies on its side
    notes[0x010F] = "Camera of Anna"
    notes.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)  # where it was taken
    image = await fitted(drawn("JPEG", exif=notes, comment=b"at home"), "image/jpeg")
    picture = opened(image.data)
    assert picture.size == (48, 64)
    assert not picture.getexif()
    assert b"Anna" not in image.data
    assert b"at home" not in image.data
    assert image.name == ""


async def test_a_large_one_is_made_smaller_and_keeps_its_shape() -> None:
    image = await fitted(drawn("JPEG", (4_000, 3_000)))
    assert opened(image.data).size == (LONGEST, LONGEST * 3 // 4)


async def test_a_png_of_a_photo_becomes_a_jpeg_on_white() -> None:
    noise = Pillow.effect_noise((900, 900), 90).convert("RGB")
    noise.putalpha(0)
    image = await fitted(_png(noise))
    assert image.media_type == "image/jpeg"
    assert opened(image.data).getpixel((450, 450)) == (255, 255, 255)


def _png(picture: Pillow.Image) -> bytes:
    from io import BytesIO

    out = BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _head(width: int, height: int) -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + head
        + struct.pack(">I", zlib.crc32(head))
        + b"\x00" * 64
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"", "What came is none", id="nothing"),
        pytest.param(b"GIF is not this", "What came is none", id="words"),
        pytest.param(b"%PDF-1.7 ...", "What came is none", id="a document"),
        pytest.param(_head(10_000, 10_000), "10000 by 10000", id="100 megapixels"),
        pytest.param(_head(0, 10), "What came is none", id="no width"),
        pytest.param(_head(64, 48), "damaged", id="only a head"),
        pytest.param(drawn()[:-30], "damaged", id="cut short"),
        pytest.param(drawn("WEBP")[:40], "damaged", id="a cut WebP"),
        pytest.param(drawn() + bytes(LARGEST), "at most 12 MiB", id="too many bytes"),
    ],
)
async def test_what_cannot_be_shown_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(PictureError, match=words):
        await fitted(data)
