"""Built-in tools for the line: transfer, keys, pictures."""

from __future__ import annotations

import base64
import json

import pytest

from tools import Toolbox, ToolContext
from tools.builtin_line import look_at, send_digits, transfer_tool
from tools.context import Image
from tools.pictures import dimensions

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


async def test_a_caller_is_put_through_to_a_name_that_the_operator_gave():
    asked = []
    with Toolbox([transfer_tool({"sales": "+15550100", "the desk": "sip:desk@pbx"})]) as toolbox:
        parameters = toolbox.specs[0].parameters["properties"]
        assert parameters["target"] == {
            "enum": ["sales", "the desk"],
            "type": "string",
            "description": "To whom.",
        }
        context = ToolContext(transfer=asked.append)
        result = await toolbox.run("transfer", '{"target": "the desk"}', context)
        assert "put through to the desk" in result.output
        dialled = await toolbox.run("transfer", '{"target": "+19005550199"}', context)
        assert dialled.failed
    assert asked == ["sip:desk@pbx"]


async def test_where_nobody_can_be_put_through_the_model_is_told():
    with Toolbox([transfer_tool({"sales": "+15550100"})]) as toolbox:
        result = await toolbox.run("transfer", '{"target": "sales"}')
        assert result.output == "This call cannot be transferred."


async def test_keys_are_pressed_and_nothing_else():
    asked = []
    with Toolbox([send_digits]) as toolbox:
        context = ToolContext(send_digits=asked.append)
        assert not (await toolbox.run("send_digits", '{"digits": "12#"}', context)).failed
        assert (await toolbox.run("send_digits", '{"digits": "12w; rm"}', context)).failed
    assert asked == ["12#"]


async def test_pictures_are_told_of_in_words():
    with Toolbox([look_at]) as toolbox:
        none = await toolbox.run("look_at", "{}")
        assert (none.failed, "no picture" in none.output) == (True, True)
        images = (Image("image/png", PIXEL, "receipt.png"), Image("image/tiff", b"II*"))
        context = ToolContext(images=images)
        seen = json.loads((await toolbox.run("look_at", "{}", context)).output)
        assert [one["picture"] for one in seen] == [
            "receipt.png: image/png, 1 by 1 pixels",
            "image/tiff, 3 bytes",
        ]
        (second,) = json.loads((await toolbox.run("look_at", '{"number": 2}', context)).output)
        assert second["number"] == 2
        assert (await toolbox.run("look_at", '{"number": 3}', context)).failed


@pytest.mark.parametrize(
    ("head", "size"),
    [
        (PIXEL, (1, 1)),
        (b"GIF89a\x02\x00\x03\x00", (2, 3)),
        (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x00\x20\x00\x40\x03", (64, 32)),
        (b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + b"\x3f\0\0\x1f\0\0", (64, 32)),
        (b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x3f\xc0\x07\x00", (64, 32)),
        (b"RIFF\0\0\0\0WEBPVP8 " + bytes(10) + b"\x40\0\x20\0", (64, 32)),
        (b"\xff\xd8\xff", None),
        (b"RIFF\0\0\0\0WEBP????", None),
        (b"", None),
    ],
)
def test_the_size_of_a_picture_is_read_from_its_head(head, size):
    assert dimensions(head) == size
