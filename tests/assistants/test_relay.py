"""The relay: what a server says is a caller's own where the caller has asked for it itself."""

from __future__ import annotations

import json
from typing import Any

from audio.format import pcm16
from gateway.assistants.realtime import Realtime
from gateway.call import effects as do
from gateway.call.events import AssistantTold, AssistantWords
from gateway.call.plan import Plan


def said(dialect: Realtime, kind: str, **fields: Any) -> list[object]:
    return list(dialect.decode(json.dumps({"type": kind, **fields})))


def test_words_of_an_answer_beside_the_conversation_are_the_callers_and_no_others() -> None:
    dialect = Realtime(pcm16(24_000))
    dialect.encode(do.Configure(Plan(relays=True)))
    dialect.encode(do.Relay({"type": "response.create"}, "request_1"))
    said(dialect, "response.created", response={"id": "beside", "conversation_id": None})
    said(dialect, "response.created", response={"id": "usual", "conversation_id": "conv"})
    kind, piece = "response.output_audio_transcript.delta", {"item_id": "a", "delta": "Hm"}
    (told,) = said(dialect, kind, response_id="beside", **piece)
    assert isinstance(told, AssistantTold)
    assert told.message["response_id"] == "beside"
    assert said(dialect, kind, response_id="usual", **piece) == [AssistantWords("usual", "a", "Hm")]
    said(dialect, "response.done", response={"id": "beside", "conversation_id": None})
    assert not dialect._relay.answers
