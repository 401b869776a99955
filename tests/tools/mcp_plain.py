"""An MCP server of thirty lines, without the SDK: the protocol of June 2025, over stdio."""

from __future__ import annotations

import json
import sys

TOOLS = {"first": "The first tool.", "broken": "", "cancel_task": "A name that is taken."}
SCHEMA = {"type": "object", "properties": {}}


def say(**message: object) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def answer(method: str, params: dict) -> object:
    if method == "initialize":
        return {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {"name": "plain", "version": "1"},
        }
    if method == "tools/list":
        schemas = {"broken": {"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}}}
        return {
            "tools": [
                {"name": name, "description": words, "inputSchema": schemas.get(name, SCHEMA)}
                for name, words in TOOLS.items()
            ]
        }
    if method == "tools/call":
        TOOLS["second"] = TOOLS.pop("first", "The second tool.")
        say(method="notifications/tools/list_changed")
        return {"content": [{"type": "text", "text": json.dumps(params.get("_meta", {}))}]}
    return None


sys.stdout.write("this is no JSON\n")  # as servers do that print
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    result = answer(message["method"], message.get("params") or {})
    if result is None:
        say(id=message["id"], error={"code": -32601, "message": "no such method"})
    else:
        say(id=message["id"], result=result)
