"""Texts: what stands in messages of the Realtime protocol that go through a call as they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.call import events as on

DEEPEST = 32

Saying = on.CallerWords | on.CallerText | on.CallerAsked


def texts_of(event: Saying) -> list[str]:
    """What the caller says with an event."""
    if isinstance(event, on.CallerAsked):
        return [part["text"] for part in _parts(event.message) if isinstance(part["text"], str)]
    return [event.text]


def with_texts(event: Saying, texts: list[str]) -> Saying:
    """The same, with other words."""
    if texts == texts_of(event):
        return event
    if not isinstance(event, on.CallerAsked):
        return replace(event, text=texts[0])
    given = iter(texts)
    item = event.message["item"]
    content = [
        part | {"text": next(given)} if _is_text(part) and isinstance(part["text"], str) else part
        for part in item["content"]
    ]
    return replace(event, message=event.message | {"item": item | {"content": content}})


def strings(value: Any, depth: int = 0) -> list[str]:
    """All texts in a message."""
    if isinstance(value, str):
        return [value]
    if depth > DEEPEST or not isinstance(value, dict | list):
        return []
    inner = value.values() if isinstance(value, dict) else value
    return [text for one in inner for text in strings(one, depth + 1)]


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    item = message.get("item")
    content = item.get("content") if isinstance(item, dict) else None
    return [part for part in content if _is_text(part)] if isinstance(content, list) else []


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and "text" in part
