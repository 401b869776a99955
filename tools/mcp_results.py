"""What an MCP tool answered, in a form that a voice can use: images and sounds in words."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from typing import Any

import mcp_types as types

from tools.context import ToolError

Block = (
    types.TextContent
    | types.ImageContent
    | types.AudioContent
    | types.ResourceLink
    | types.EmbeddedResource
)


def output(result: types.CallToolResult) -> Any:
    """The structured result where there is one, with what only the blocks say. Raises ToolError."""
    texts = [block.text for block in result.content if isinstance(block, types.TextContent)]
    others = [words(one) for one in result.content if not isinstance(one, types.TextContent)]
    if result.is_error:
        raise ToolError("\n".join([*texts, *others]) or "The tool failed.")
    if result.structured_content is None:
        return "\n".join([*texts, *others]) or None
    structured = _unwrapped(result.structured_content)
    told = [text for text in texts if not _says(text, structured)]
    return {"result": structured, "notes": [*told, *others]} if told or others else structured


def words(block: Block) -> str:
    """A block as one could say what it is."""
    match block:
        case types.TextContent():
            return block.text
        case types.ImageContent():
            return f"[an image: {_image(block.data, block.mime_type)}]"
        case types.AudioContent():
            return f"[a sound: {block.mime_type}, {_size(block.data)} bytes]"
        case types.ResourceLink():
            about = f", {block.description}" if block.description else ""
            return f"[a link: {block.title or block.name}{about}: {block.uri}]"
        case types.EmbeddedResource():
            inside = block.resource
            if isinstance(inside, types.TextResourceContents):
                return inside.text
            kind = inside.mime_type or "unknown kind"
            return f"[a file: {inside.uri}, {kind}, {_size(inside.blob)} bytes]"


def _unwrapped(value: Any) -> Any:
    """Servers wrap what is no object as {"result": ...}."""
    return value["result"] if isinstance(value, dict) and value.keys() == {"result"} else value


def _says(text: str, structured: Any) -> bool:
    """Whether the text only repeats the structured result, as servers do for old clients."""
    if text == structured:
        return True
    try:
        return bool(_unwrapped(json.loads(text)) == structured)
    except (ValueError, RecursionError):
        return False


def _image(data: str, kind: str) -> str:
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return f"{kind}, which cannot be read"
    if size := dimensions(raw):
        return f"{kind}, {size[0]} by {size[1]} pixels"
    return f"{kind}, {len(raw)} bytes"


def dimensions(raw: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, GIF or JPEG, from its head."""
    if raw.startswith(b"\x89PNG\r\n\x1a\n") and len(raw) >= 24:
        return struct.unpack(">II", raw[16:24])
    if raw.startswith((b"GIF87a", b"GIF89a")) and len(raw) >= 10:
        return struct.unpack("<HH", raw[6:10])
    return _jpeg(raw) if raw.startswith(b"\xff\xd8") else None


def _jpeg(raw: bytes) -> tuple[int, int] | None:
    """From the first frame header, one segment after the other."""
    at = 2
    while at + 9 <= len(raw) and raw[at] == 0xFF:
        kind, length = raw[at + 1], int.from_bytes(raw[at + 2 : at + 4], "big")
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", raw[at + 5 : at + 9])
            return width, height
        at += 2 + max(length, 2)
    return None


def _size(data: str) -> int:
    return len(data) * 3 // 4
