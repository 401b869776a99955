"""What callers want remembered is kept under their name, and for nobody whom no name tells."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from tools import Toolbox, ToolContext
from tools.memory import Note, memory_tools

ANN = ToolContext(caller="+15550100", tenant="acme")


@dataclass
class Book:
    """One page a caller, in memory."""

    pages: dict[tuple[str, str], list[Note]] = field(default_factory=dict)

    async def put(self, tenant: str, caller: str, topic: str, note: str) -> None:
        page = self.pages.setdefault((tenant, caller), [])
        page.append(Note(topic=topic, note=note, day="2026-11-21"))

    async def find(self, tenant: str, caller: str, about: str = "") -> list[Note]:
        page = self.pages.get((tenant, caller), [])
        return [one for one in page if about in one.topic]


async def test_a_note_is_kept_for_that_tenants_caller_and_found_again() -> None:
    book = Book()
    with Toolbox(memory_tools(book)) as toolbox:
        noted = await toolbox.run("remember", '{"topic": "allergy", "note": "nuts"}', ANN)
        assert not noted.failed
        (note,) = json.loads((await toolbox.run("recall", '{"about": "allergy"}', ANN)).output)
        assert (note["topic"], note["note"]) == ("allergy", "nuts")
        none = await toolbox.run("recall", '{"about": "zebra"}', ANN)
        assert none.output == "There is nothing noted about that."
    assert list(book.pages) == [("acme", "+15550100")]


@pytest.mark.parametrize("caller", ["", " ", "10.0.0.7", "::1", "Anonymous", "restricted"])
async def test_for_a_caller_whom_nobody_knows_nothing_is_kept(caller: str) -> None:
    book = Book()
    with Toolbox(memory_tools(book)) as toolbox:
        for name, arguments in (("remember", '{"topic": "a", "note": "b"}'), ("recall", "{}")):
            result = await toolbox.run(name, arguments, ToolContext(caller=caller))
            assert "Nobody knows who is calling" in result.output
    assert not book.pages
