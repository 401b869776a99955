"""Faults: every code that a model's server is known to answer with, and what to do about it.

One table for errors that answer a request, for answers that failed and for sessions that ended.
What is not in it is tried again where an answer was due, and passed over where none was: nothing
that a server says mutes a call or ends it, as long as there is somebody to go on with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from zlib import crc32

SHORTEST_PAUSE_US = 250_000
FIRST_PAUSE_US = 250_000  # before a failed answer is asked for again; then twice as long
LIMIT_PAUSE_US = 1_000_000  # the same where a limit is exceeded and nothing is said of its end
LONGEST_PAUSE_US = 8_000_000
SPREAD_US = 200_000  # many calls meet one limit together, and must not all come back together


class Policy(Enum):
    """What is done about a fault."""

    IGNORE = "ignore"  # what was asked for is so already, or is gone
    LATER = "retry when free"  # once the answer that is in the way has ended
    CLAMP = "clamp"  # ask again within what there is
    RESYNC = "re-sync"  # the session stands otherwise than thought: put it right
    BACK_OFF = "back off"  # the same again, with growing pauses, then another session
    RENEW = "renew"  # the session is over, its assistant is not
    FAIL_OVER = "fail over"  # this assistant is not asked again in this call
    TELL = "tell"  # those who operate the gateway are told; the call goes on


def _rows(policy: Policy, codes: Iterable[str]) -> dict[str, Policy]:
    return dict.fromkeys(codes, policy)


# Where nobody is left to fail over to, the caller is told in words, and the call ends.
POLICIES: Mapping[str, Policy] = {
    **_rows(
        Policy.IGNORE,
        (
            *("item_truncate_invalid_item_id", "item_delete_invalid_item_id"),
            "item_retrieve_invalid_item_id",
            "unsupported_content_type",
        ),
    ),
    **_rows(Policy.LATER, ("conversation_already_has_active_response",)),
    **_rows(
        Policy.RESYNC,
        (
            *("response_cancel_not_active", "input_audio_buffer_commit_empty"),
            "cannot_update_voice",
        ),
    ),
    **_rows(
        Policy.BACK_OFF,
        (*("rate_limit_exceeded", "inference_rate_limit_exceeded", "server_error"),),
    ),
    **_rows(Policy.RENEW, ("session_expired",)),
    **_rows(
        Policy.FAIL_OVER,
        (
            *("invalid_api_key", "insufficient_quota", "billing_hard_limit_reached"),
            *("account_deactivated", "beta_api_shape_disabled", "model_not_found"),
            *("model_load_error", "invalid_intent", "not_set_up", "close_3000"),
            *("http_400", "http_401", "http_402", "http_403", "http_404"),
        ),
    ),
    **_rows(
        Policy.TELL,
        (
            *("invalid_value", "invalid_event", "invalid_json", "invalid_parameter"),
            *("unknown_parameter", "missing_required_parameter", "bad_response_create"),
            *("missing_audio_data", "invalid_audio_data", "buffer_size_exceeded"),
            *("invalid_item_id", "invalid_tool_call_id", "invalid_event_for_transport"),
        ),
    ),
}

TRUNCATE = "conversation.item.truncate"
RESPONSE = re.compile(r"\bresp_\w{1,80}")
THERE_IS = re.compile(r"\bof (\d{1,9})\s?ms\b")
WAIT = re.compile(
    r"try again in (?:(\d{1,3})m(?!s))?\s?(?:(\d{1,5}(?:\.\d+)?)\s?(ms|s)\b)?", re.IGNORECASE
)


def of_refusal(code: str, request: str = "") -> Policy:
    """What to do about an error; `request`: the type of what it answers, where that is known."""
    if code == "invalid_value" and request.startswith(TRUNCATE):
        return Policy.CLAMP
    return POLICIES.get(code, Policy.TELL)


def of_failure(code: str) -> Policy:
    """What to do about an answer that has failed; without a code it is tried again."""
    return POLICIES.get(code, Policy.BACK_OFF)


def ends_assistant(code: str) -> bool:
    """Whether the same assistant need not be asked again in this call."""
    return POLICIES.get(code) is Policy.FAIL_OVER


def ends_session(code: str) -> bool:
    """Whether a session that answers so is of no use any more."""
    return POLICIES.get(code) in (Policy.RENEW, Policy.FAIL_OVER)


def there_is(message: str) -> int | None:
    """The milliseconds of an item that there are, where a refusal to cut it says so."""
    found = THERE_IS.search(message)
    return int(found[1]) if found else None


def in_the_way(message: str) -> str:
    """The answer for which another has to wait, where a refusal names it."""
    found = RESPONSE.search(message)
    return found[0] if found else ""


def asked_to_wait(message: str) -> int | None:
    """Microseconds after which the server wants to be asked again, where it says so."""
    found = WAIT.search(message)
    if found is None or not (found[1] or found[2]):
        return None
    seconds = float(found[2] or 0) / (1000 if (found[3] or "").lower() == "ms" else 1)
    return round((int(found[1] or 0) * 60 + seconds) * 1_000_000)


def pause(tries: int, code: str, message: str, seed: str) -> int:
    """How long to wait before an answer is asked for again that has failed so often before."""
    wanted = asked_to_wait(message)
    first = LIMIT_PAUSE_US if code.endswith("rate_limit_exceeded") else FIRST_PAUSE_US
    grown = min(first << min(tries, 8), LONGEST_PAUSE_US)
    least = grown if wanted is None else max(wanted, SHORTEST_PAUSE_US)
    return least + crc32(seed.encode()) % SPREAD_US
