"""Carrier: what the bridges to carriers share: their JSON, their webhooks, their API, slices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

import msgspec
from pydantic import BeforeValidator
from starlette.responses import Response

from audio.format import Encoding, Format
from gateway.call.effects import Play
from gateway.call.events import CallerDigit
from gateway.callers.dialect import Message
from gateway.callers.line import LineError
from gateway.errors import WireError
from gateway.http import Answer, Http, NoAnswerError

SLICE_US = 200_000  # of audio that stands before one mark
AHEAD_US = 600_000  # of audio that a carrier holds at most, against a network that stutters
RATES = (8_000, 16_000, 24_000, 48_000)
ORDER = "order"  # the query parameter that brings back the ticket of what we began
BAD_ORDER = "Expected the address that was given for this call, unused and in time."
RINGING = 180.0  # seconds that a call of ours may take to be answered
KEYS = frozenset("0123456789*#ABCD")


def _number(value: Any) -> Any:
    """Variables of the environment are text."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


Rate = Annotated[Literal[8000, 16000, 24000], BeforeValidator(_number)]  # a setting


def parse(decoder: msgspec.json.Decoder[Any], message: str | bytes, protocol: str) -> Any:
    """A JSON message as that decoder knows it. Raises WireError."""
    try:
        return decoder.decode(message)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(f"Expected a message of {protocol}: {error}.", 1007) from error


def text(message: Message, protocol: str) -> str:
    """A message that must be text. Raises WireError."""
    if isinstance(message, str):
        return message
    raise WireError(
        f"Expected text frames with messages of {protocol}, and a binary frame of {len(message)} "
        "bytes came.",
        1003,
    )


def slices(play: Play, form: Format, length: int = SLICE_US, least: int = 0) -> list[Play]:
    """A piece of an item in slices of that many microseconds; none but the only one below `least`.

    Where the last would be shorter than `least`, the one before it is longer instead.
    """
    width, size = form.width, len(play.pcm)
    step = form.rate * length // 1_000_000 * width
    short = form.rate * least // 1_000_000 * width
    pieces: list[Play] = []
    at = 0
    while at < size:
        end = at + step if size - at - step >= short else size
        place = play.position + at // width
        pieces.append(Play(play.item_id, play.pcm[at:end], place, play.generation))
        at = end
    return pieces


def words(given: Mapping[str, Any]) -> dict[str, str]:
    """What comes along with a call: text as it is, other JSON as written. Raises WireError."""
    try:
        return {
            name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
            for name, value in given.items()
            if value is not None
        }
    except RecursionError as error:
        raise WireError("Expected parameters of a call that are less deep.", 1007) from error


def pressed(key: str) -> tuple[CallerDigit, ...]:
    """What a key of the telephone means; what is none, such as a hook flash, means nothing."""
    return (CallerDigit(key.upper()),) if key.upper() in KEYS else ()


def form_of(body: bytes) -> dict[str, str]:
    """The fields of a form; of two with the same name the last."""
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))


def xml(inner: str) -> Response:
    """The answer of a webhook that is asked what to do with a call."""
    text = f'<?xml version="1.0" encoding="UTF-8"?><Response>{inner}</Response>'
    return Response(text, media_type="text/xml")


def digits_of(number: str) -> str:
    """A telephone number for those who want nothing but its digits. Raises LineError."""
    plain = re.sub(r"[\s()./-]", "", number).removeprefix("+")
    if re.fullmatch("[0-9]{3,15}", plain):
        return plain
    raise LineError("expected a telephone number such as +15551234567, or a name under targets")


async def ask(
    http: Http,
    provider: str,
    what: str,
    method: str,
    url: str,
    *,
    fine: tuple[int, ...] = (),
    **request: Any,
) -> Answer:
    """What the provider's API answers to an order. Raises LineError where it is no success."""
    try:
        response = await http.request(method, url, **request)
    except NoAnswerError as error:
        raise LineError(
            f"{provider} could not be asked to {what}: {error}. Is its API reachable from here?"
        ) from error
    if response.is_success or response.status_code in fine:
        return response
    raise LineError(f"{provider} answered {response.status_code} when it was asked to {what}.")


def expect_order(started: bool, first: bool, what: str) -> None:
    """A call's first message comes once and before all others. Raises WireError."""
    if started == first:
        raise WireError(
            f"Expected one start message, before all audio, and {what} came "
            f"{'after' if started else 'before'} it. Open another stream."
        )


def format_named(name: str, rate: int, wide: Encoding, where: str) -> Format:
    """What a carrier calls an encoding; `wide`: how it orders bytes of L16. Raises WireError."""
    plain = name.lower().removeprefix("audio/").removeprefix("x-")
    known: dict[str, Encoding] = {"pcmu": "pcmu", "mulaw": "pcmu", "pcma": "pcma", "alaw": "pcma"}
    encoding = wide if plain in ("l16", "raw") else known.get(plain)
    if encoding is None or rate not in RATES:
        raise WireError(
            f"Expected audio in PCMU, PCMA or L16, and {plain[:20]!r} at {rate} Hz is to come. "
            f"Ask for the codec of {where}.",
            1003,
        )
    return Format(encoding, rate)
