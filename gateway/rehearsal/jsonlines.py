"""Writes a conversation as it happens, one JSON object a line; docs/testing.md lists the keys."""

from __future__ import annotations

import json
from typing import Any, TextIO

from gateway.rehearsal.conversation import Conversation, Line, Notice, ToolUse


class JsonLines:
    """Watches one call. Times are seconds since it began."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def started(self, call_id: str, assistant: str) -> None:
        self._write("started", at=0.0, call=call_id, assistant=assistant)

    def line(self, item: str, line: Line, final: bool) -> None:
        if final and line.text:
            said = {"who": line.who, "text": line.text, "cut": line.cut}
            self._write("line", at=round(line.at, 3), **said)

    def tool(self, use: ToolUse) -> None:
        if use.status != "running":
            call = {"name": use.name, "arguments": use.arguments}
            self._write("tool", at=round(use.at, 3), **call, status=use.status, output=use.output)

    def latency(self, seconds: float, at: float) -> None:
        self._write("latency", at=round(at, 3), seconds=seconds)

    def notice(self, notice: Notice) -> None:
        self._write("notice", at=round(notice.at, 3), code=notice.code, message=notice.message)

    def summary(self, conversation: Conversation) -> None:
        """The last two lines: what trimming saved, and how it ended."""
        kept = conversation.savings
        self._write(
            "savings",
            spoken=kept.spoken,
            sent=kept.sent,
            bytes=kept.bytes,
            tokens=kept.tokens,
            usd=kept.usd,
        )
        self._write(
            "ended",
            at=round(conversation.seconds, 3),
            reason=conversation.ended,
            complete=conversation.complete,
        )

    def _write(self, kind: str, **fields: Any) -> None:
        self._out.write(json.dumps({"type": kind, **fields}, ensure_ascii=False) + "\n")
        self._out.flush()
