"""What an MCP tool answered, in a form that a voice can use: sounds and files in words."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import mcp_types as types

from tools.context import Image, ToolError
from tools.pictures import described

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
    blocks = [one for one in result.content if not isinstance(one, types.TextContent)]
    if result.is_error:
        raise ToolError("\n".join([*texts, *map(words, blocks)]) or "The tool failed.")
    others = [_shown(one) or words(one) for one in blocks]
    if result.structured_content is None:
        pictures = [one for one in others if isinstance(one, Image)]
        said = "\n".join([*texts, *(one for one in others if isinstance(one, str))]) or None
        return said if not pictures else [*filter(None, [said]), *pictures]
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


def _shown(block: Block) -> Image | None:
    """The picture that a block is, for a model that sees."""
    if not isinstance(block, types.ImageContent):
        return None
    try:
        return Image(block.mime_type, base64.b64decode(block.data, validate=True))
    except (binascii.Error, ValueError):
        return None


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
    return described(kind, raw)


def _size(data: str) -> int:
    return len(data) * 3 // 4
