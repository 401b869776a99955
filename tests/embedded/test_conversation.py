"""Items, their order, their truncation, and what a mind reads in them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.embedded.conversation import Conversation, Item, Piece, Sound, lines, make_item
from gateway.embedded.parts import Called, Heard, Returned, Said, Told
from gateway.protocol.wire import Json, Refused


def message(item_id: str, role: str = "user", text: str = "hello") -> Item:
    kind = "output_text" if role == "assistant" else "input_text"
    value = {"id": item_id, "type": "message", "role": role}
    return make_item(
        value | {"content": [{"type": kind, "text": text}]}, "audio/pcm", lenient=False
    )


def spoken(item_id: str, pieces: list[Piece]) -> Item:
    ms = sum(piece.ms for piece in pieces)
    text = " ".join(piece.text for piece in pieces)
    wire: Json = {"id": item_id, "type": "message", "role": "assistant", "status": "completed"}
    wire["content"] = [{"type": "output_audio", "transcript": text}]
    return Item(wire, {0: Sound(bytes(int(ms) * 48), ms, "audio/pcm")}, pieces=pieces)


def conversation(*items: Item) -> Conversation:
    talk = Conversation("conv_1")
    for item in items:
        talk.add(item)
    return talk


def test_items_go_to_the_end_to_the_front_or_after_another() -> None:
    talk = Conversation("conv_1")
    assert talk.add(message("a")) is None
    assert talk.add(message("b")) == "a"
    assert talk.add(message("c"), "root") is None
    assert talk.add(message("d"), "a") == "a"
    assert [item.id for item in talk.items] == ["c", "a", "d", "b"]
    assert talk.last_id == "b"
    assert talk.previous(talk.items[2]) == "a"


def test_an_unknown_place_and_a_known_id_are_refused() -> None:
    talk = conversation(message("a"))
    with pytest.raises(Refused, match="'x' does not exist") as refusal:
        talk.add(message("b"), "x")
    assert refusal.value.param == "previous_item_id"
    with pytest.raises(Refused, match="already exists"):
        talk.add(message("a"))
    assert [item.id for item in talk.items] == ["a"]


def test_requests_for_items_that_are_not_there_are_refused_by_their_own_codes() -> None:
    talk = conversation(message("a"))
    with pytest.raises(Refused) as refusal:
        talk.retrieve("x")
    assert refusal.value.code == "item_retrieve_invalid_item_id"
    with pytest.raises(Refused) as refusal:
        talk.delete("x")
    assert refusal.value.code == "item_delete_invalid_item_id"
    with pytest.raises(Refused) as refusal:
        talk.truncate("x", 0, 10)
    assert refusal.value.code == "item_truncate_invalid_item_id"
    assert talk.delete("a").id == "a"
    assert talk.last_id is None


def test_truncation_keeps_the_audio_that_was_heard_and_drops_the_transcript() -> None:
    pieces = [Piece("I found it.", 1000, True), Piece("It ships on Monday morning.", 2000, True)]
    talk = conversation(spoken("a", pieces))
    item = talk.truncate("a", 0, 1990)
    assert item.wire["content"] == [{"type": "output_audio"}]
    assert len(base64.b64decode(item.full()["content"][0]["audio"])) == 1990 * 48
    assert item.line() == Said("I found it. It ships on", cut=True)
    assert lines([item]) == (Said("I found it. It ships on", cut=True),)


def test_a_millisecond_more_or_less_at_the_end_costs_no_word() -> None:
    talk = conversation(spoken("a", [Piece("Hello there.", 1000.6, True)]))
    talk.items[0].sounds[0].ms = 1000.2
    assert talk.truncate("a", 0, 1000).line() == Said("Hello there.", cut=True)


def test_nothing_heard_is_nothing_said() -> None:
    talk = conversation(spoken("a", [Piece("Hello there.", 1000, True)]))
    talk.truncate("a", 0, 0)
    assert lines(talk.items) == ()


def test_truncation_beyond_the_audio_or_of_text_is_refused() -> None:
    said = spoken("a", [Piece("Hello.", 3700, True)])
    talk = conversation(said, message("t", "assistant"), message("u"))
    with pytest.raises(Refused) as refusal:
        talk.truncate("a", 0, 3760)
    assert refusal.value.message == "Audio content of 3700ms is already shorter than 3760ms"
    assert refusal.value.code == "invalid_value"
    for item_id, index in (("t", 0), ("u", 0), ("a", 1)):
        with pytest.raises(Refused) as refusal:
            talk.truncate(item_id, index, 0)
        assert refusal.value.code == "unsupported_content_type"
    for wrong in (None, -1, "10", True):
        with pytest.raises(Refused):
            talk.truncate("a", 0, wrong)
    assert said.wire["content"][0]["transcript"] == "Hello."


def test_a_sentence_cut_while_it_was_made_is_mapped_by_the_pace_of_speech() -> None:
    piece = Piece("one two three four five six", ms=400)
    assert piece.heard(400) == "one"  # 400 ms are six characters at fifteen a second
    assert piece.heard(0) == ""


@given(
    st.lists(st.text("abc ,.", min_size=1, max_size=30), min_size=1, max_size=4),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_more_audio_never_means_fewer_words(texts: list[str], a: float, b: float) -> None:
    pieces = [Piece(text.strip() or "x", 500.0, True) for text in texts]
    total = 500 * len(pieces)

    def heard(part: float) -> str:
        item = spoken("a", [Piece(p.text, p.ms, True) for p in pieces])
        conversation(item).truncate("a", 0, int(total * part))
        return item.said()

    low, high = sorted((a, b))
    assert heard(high).startswith(heard(low))
    assert heard(1) == " ".join(p.text for p in pieces)


def test_a_mind_reads_every_kind_of_item() -> None:
    call = {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c1"}
    output = {"type": "function_call_output", "call_id": "c1", "output": "42"}
    audio = base64.b64encode(bytes(480)).decode()
    content = [{"type": "input_audio", "audio": audio}, {"type": "input_text", "text": "typed"}]
    heard = make_item(
        {"type": "message", "role": "user", "content": content}, "audio/pcm", lenient=False
    )
    heard.words[0] = "spoken"
    items = [
        message("s", "system", "Be kind."),
        heard,
        make_item(call, "audio/pcm", lenient=False),
        make_item(output, "audio/pcm", lenient=False),
        message("a", "assistant", "Sure."),
    ]
    assert lines(items) == (
        Told("Be kind."),
        Heard("spoken typed"),
        Called("c1", "f", "{}"),
        Returned("c1", "42"),
        Said("Sure."),
    )
    assert heard.sounds[0].ms == 10
    assert "audio" not in heard.wire["content"][0]
    assert heard.full()["content"][0]["audio"] == audio
    assert conversation(*items).knows_call("c1")
    assert not conversation(*items).knows_call("c2")


@pytest.mark.parametrize(
    ("value", "code", "param"),
    [
        (None, "missing_required_parameter", "item"),
        ({}, "missing_required_parameter", "item.type"),
        ({"type": "mcp_call"}, "invalid_value", "item.type"),
        ({"type": "message", "content": []}, "missing_required_parameter", "item.role"),
        ({"type": "message", "role": "user"}, "missing_required_parameter", "item.content"),
        ({"type": "message", "role": "boss", "content": []}, "invalid_value", "item.role"),
        (
            {"type": "message", "role": "assistant", "content": [{"type": "output_text"}]},
            "missing_required_parameter",
            "item.content[0].text",
        ),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_image"}]},
            "invalid_value",
            "item.content[0].type",
        ),
        (
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_audio", "audio": "%"}],
            },
            "invalid_value",
            "item.content[0].audio",
        ),
        ({"type": "function_call", "name": "f"}, "missing_required_parameter", "item.arguments"),
        ({"type": "function_call_output", "call_id": "c", "output": 4}, "invalid_type", None),
        (
            {"type": "function_call_output", "call_id": "c", "output": "", "colour": "red"},
            "unknown_parameter",
            "item.colour",
        ),
    ],
)
def test_items_of_clients_are_checked(value: object, code: str, param: str | None) -> None:
    with pytest.raises(Refused) as refusal:
        make_item(value, "audio/pcm", lenient=False)
    assert refusal.value.code == code
    assert param in (None, refusal.value.param)


def test_old_audio_is_let_go_and_its_length_stays_known() -> None:
    talk = Conversation("conv_1", audio_limit=48_000)
    for name in "ab":
        talk.add(spoken(name, [Piece("Hello.", 700, True)]))
    talk.trim_audio()
    old, new = talk.items
    assert old.sounds[0].data == b""
    assert old.sounds[0].ms == 700
    assert new.sounds[0].data
    assert "audio" not in old.full()["content"][0]
