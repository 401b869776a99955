"""A situation as the messages, tools and tool choice of a chat-completions request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gateway.embedded.parts import Called, Heard, Line, Returned, Said, Situation, Told

Message = dict[str, Any]

RUNNING = "The function is still running; its result comes later."
NEWS = "Results have come in since you spoke last, of: {}. Tell the user now what they say."
CUT = " [the user interrupted here and heard no more]"
SPOKEN = (
    "Your words are spoken aloud by a voice: answer briefly, in plain sentences, "
    "without markdown, lists or emoji."
)


def request(situation: Situation) -> dict[str, Any]:
    """The fields of the request that depend on the situation."""
    body: dict[str, Any] = {"messages": list(_messages(situation))}
    if situation.functions:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": one.name,
                    "description": one.description,
                    "parameters": one.parameters or {"type": "object", "properties": {}},
                },
            }
            for one in situation.functions
        ]
        body["tool_choice"] = _choice(situation.choice)
    if situation.max_tokens is not None:
        body["max_tokens"] = situation.max_tokens
    return body


def _choice(choice: str) -> Any:
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "function": {"name": choice}}


def _messages(situation: Situation) -> Iterator[Message]:
    opening = "\n\n".join(part for part in (situation.instructions, SPOKEN) if part)
    yield {"role": "system", "content": opening}
    yield from lines_as_messages(situation.lines)
    if names := _come_late(situation.lines):
        yield {"role": "system", "content": NEWS.format(", ".join(names))}
    if situation.request:
        yield {"role": "system", "content": situation.request}


def lines_as_messages(lines: Sequence[Line]) -> Iterator[Message]:
    """What was heard in a row is one message; calls stand with the words said before them.

    Each call's result follows right behind its call, wherever it came in the lines, because chat
    servers refuse any other order.
    """
    results = {line.call_id: line.output for line in lines if isinstance(line, Returned)}
    at = 0
    while at < len(lines):
        line = lines[at]
        if isinstance(line, Heard):
            end = _run(lines, at, Heard)
            texts = [one.text for one in lines[at:end] if isinstance(one, Heard)]
            yield {"role": "user", "content": " ".join(text for text in texts if text)}
            at = end
        elif isinstance(line, Told):
            yield {"role": "system", "content": line.text}
            at += 1
        elif isinstance(line, Said | Called):
            begin = at + isinstance(line, Said)
            end = _run(lines, begin, Called)
            calls = [one for one in lines[begin:end] if isinstance(one, Called)]
            yield _assistant(line if isinstance(line, Said) else None, calls)
            yield from _results(calls, results)
            at = end
        else:
            at += 1  # a result stands with its call


def _come_late(lines: Sequence[Line]) -> list[str]:
    """The functions whose results came last, after something was said since they were called.

    Such a result stands with its call, further up: without a word the model would not see that it
    is new.
    """
    names: list[str] = []
    at = len(lines)
    while at and isinstance(result := lines[at - 1], Returned):
        at -= 1
        for index in range(at - 1, -1, -1):
            call = lines[index]
            if isinstance(call, Called) and call.call_id == result.call_id:
                if any(isinstance(one, Said | Heard) for one in lines[index:at]):
                    names.insert(0, call.name)
                break
    return names


def _run(lines: Sequence[Line], start: int, kind: type) -> int:
    end = start
    while end < len(lines) and isinstance(lines[end], kind):
        end += 1
    return end


def _assistant(said: Said | None, calls: Sequence[Called]) -> Message:
    content = None if said is None else said.text + (CUT if said.cut else "")
    message: Message = {"role": "assistant", "content": content}
    if calls:
        message["tool_calls"] = [
            {
                "id": call.call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments or "{}"},
            }
            for call in calls
        ]
    return message


def _results(calls: Sequence[Called], results: dict[str, str]) -> Iterator[Message]:
    for call in calls:
        content = results.get(call.call_id, RUNNING)
        yield {"role": "tool", "tool_call_id": call.call_id, "content": content}
