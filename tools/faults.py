"""What is wrong with arguments, in words that let a model do it right."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from tools.context import ArgumentsError

NAMED = 3  # wrong arguments named in one answer


def misfit(error: ValidationError, names: Sequence[str]) -> ArgumentsError:
    """The same for the model; `names` are those of the arguments that there are."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    told = [_fault(names, fault["type"], fault["loc"], fault["msg"]) for fault in faults[:NAMED]]
    more = f" And {len(faults) - NAMED} more." if len(faults) > NAMED else ""
    return ArgumentsError(f"The arguments do not fit. {' '.join(told)}{more}")


def _fault(names: Sequence[str], kind: str, place: tuple[int | str, ...], words: str) -> str:
    where = ".".join(str(step)[:64] for step in place)
    if kind == "json_invalid":
        return f"Not valid JSON: {words.removeprefix('Invalid JSON: ')}."
    if kind == "missing":
        return f"{where} is missing."
    if kind == "extra_forbidden" and len(place) == 1:
        return f"There is no argument {where}; there are: {', '.join(names) or 'none'}."
    words = words[:1].lower() + words[1:300]
    return f"{where or 'arguments'}: {words}."
