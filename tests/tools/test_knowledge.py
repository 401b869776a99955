"""The operator's documents are found by their words, with the place to cite."""

from __future__ import annotations

import json
import os

import pytest

from tools import Toolbox
from tools.knowledge import CHUNK, Knowledge, chunks, knowledge_tools

TERMS = """# Terms

Welcome to the shop.

## Returns

You may return a parcel within 30 days.
Refunds arrive after five working days.

### Food

Food cannot be returned, except when it is spoiled.

## Delivery

Parcels are delivered by bicycle on weekdays.
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "terms.md").write_text(TERMS)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "prices.txt").write_text("A bicycle costs 400 euros.\n\nA bell costs 9.")
    (tmp_path / ".hidden.md").write_text("bicycle secrets")
    (tmp_path / "picture.png").write_bytes(b"bicycle")
    return tmp_path


@pytest.fixture
def knowledge(folder, monkeypatch):
    monkeypatch.setattr("tools.knowledge.LOOK", 0.0)
    found = Knowledge(folder)
    yield found
    found.close()


async def test_a_question_finds_the_passage_and_says_where_it_stands(knowledge):
    with Toolbox(knowledge_tools(knowledge)) as toolbox:
        arguments = json.dumps({"question": "How long do I have to return my parcels?"})
        first, *_ = json.loads((await toolbox.run("search_knowledge", arguments)).output)
        assert first["source"] == "terms.md, Terms > Returns, line 7"
        assert "within 30 days" in first["text"]
        none = await toolbox.run("search_knowledge", '{"question": "zebra"}')
        assert none.output == "The documents say nothing about that."


@pytest.mark.parametrize(
    ("question", "source"),
    [
        ("bicycle price costs", "more/prices.txt, line 1"),
        ("delivery", "terms.md, Terms > Delivery, line 16"),
        ("spoilt food", "terms.md, Terms > Returns > Food, line 12"),
        ("refunding", "terms.md, Terms > Returns, line 7"),
        ('say "bell" AND NOT * (x', "more/prices.txt, line 1"),
    ],
)
def test_words_are_found_in_other_forms_and_headings_count_more(knowledge, question, source):
    assert knowledge.search(question)[0].source == source


def test_only_documents_that_are_meant_to_be_read_are_read(knowledge):
    assert knowledge.files == 2
    assert knowledge.search("secrets") == []
    assert knowledge.search("?!") == []


def test_changed_new_and_removed_files_count_at_the_next_question(knowledge, folder):
    (folder / "new.md").write_text("Zebras are free.")
    assert knowledge.search("zebra")[0].source == "new.md, line 1"
    (folder / "new.md").write_text("Zebras cost 7.")
    os.utime(folder / "new.md", (1, 1))
    assert [one.text for one in knowledge.search("zebra")] == ["Zebras cost 7."]
    (folder / "new.md").unlink()
    assert knowledge.search("zebra") == []


def test_no_passage_is_much_longer_than_meant_and_nothing_is_lost():
    words = " ".join(f"word{number}." for number in range(600))
    text = f"# Long\n\n{words}\n\n{'x' * 5000}"
    found = list(chunks(text))
    assert all(len(one.text) <= 2 * CHUNK for one in found)
    assert "".join(one.text for one in found).count("x") == 5000
    together = " ".join(one.text for one in found)
    assert all(f"word{number}." in together for number in range(600))
    assert {one.heading for one in found} == {"Long"}


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NotADirectoryError, match="nowhere is no folder"):
        Knowledge(tmp_path / "nowhere")
