"""Quoting: passages of documents, as a search gives them, said in a sentence or two."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gateway.embedded.mind.sentences import for_speech, sentences
from gateway.embedded.mind.words import stems

SEARCH = "search_knowledge"  # the function that is asked what no other is for
FEWEST = 3  # words of what is looked up
BRIEF = 160  # characters of a quotation that is said whole


def quotation(value: Mapping[str, Any], question: str) -> str:
    """What the best passage says of the question, and in which document; '' where there is none."""
    passages = value.get("passages")
    if not isinstance(passages, list) or not passages or not isinstance(passages[0], dict):
        return ""
    text, source = (str(passages[0].get(key, "")) for key in ("quote", "source"))
    if not text.strip():
        return ""
    document = re.sub(r"\.\w{2,5}$", "", source.partition(", ")[0].rpartition("/")[2])
    spoken = " ".join(re.split(r"[-_\s]+", document)).strip()
    return f"{f'From {spoken}: ' if spoken else ''}{for_speech(_fitting(text, question))}"


def _fitting(text: str, question: str) -> str:
    """The sentence that shares most with the question, and the one after it."""
    plain = " ".join(text.split())
    told = sentences(plain)
    if len(plain) <= BRIEF or len(told) < 3:
        return plain
    asked = set(stems(question))
    best = max(range(len(told)), key=lambda at: (len(asked & set(stems(told[at]))), -at))
    return " ".join(told[best : best + 2])
