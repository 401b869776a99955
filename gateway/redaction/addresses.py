"""Addresses of mail, as they are written and as they are said: "anna at example dot com"."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from gateway.redaction.tokens import Token
from gateway.redaction.vocabulary import AT, BEFORE_ADDRESS, DOT, JOINERS, TOP_LEVEL

FORWARD = 32  # tokens of a domain
BACKWARD = 64  # tokens of what stands before the sign
WORDS = 3  # said one after the other, that may be one label: "my company dot com"
LOCAL = frozenset("!#$%&'*+/=?^_`{|}~.-")


def addresses(pieces: list[Token]) -> Iterator[tuple[int, int]]:
    """Where the tokens hold addresses."""
    done = 0
    for place, piece in enumerate(pieces):
        if piece.text in AT and piece.start >= done:
            end = _domain_end(pieces, place)
            start = _local_start(pieces, place, done)
            if end is not None and start is not None and not _is_place(pieces, place, end):
                yield start, end
                done = end


def opened_address(pieces: list[Token], end: int) -> int:
    """Where an address begins that is not complete at the end of the text; else `end`."""
    for place in range(len(pieces) - 1, max(-1, len(pieces) - FORWARD), -1):
        if pieces[place].text in AT:
            if _domain_end(pieces, place) is None and _goes_on(pieces, place):
                start = _local_start(pieces, place, 0)
                return end if start is None else start
            return end
    return end


def _goes_on(pieces: list[Token], place: int) -> bool:
    """Whether what follows the sign may still become a domain."""
    words = 0
    for piece in pieces[place + 1 :]:
        if piece.text in DOT:
            words = 0
        elif _is_label(piece):
            words += not piece.letter
        elif not piece.space and piece.text not in JOINERS:
            return False
    return words <= WORDS


def _domain_end(pieces: list[Token], place: int) -> int | None:
    """Where the domain ends that begins behind the sign."""
    written = pieces[place].text == "@"
    words, dotted, end = 0, False, None
    span = pieces[place + 1 : place + FORWARD]
    for ahead, piece in enumerate(span):
        if piece.text in DOT and (words or end is not None):
            if piece.text == "." and span[ahead + 1 : ahead + 2] and span[ahead + 1].space:
                break
            words, dotted = 0, True
        elif _is_label(piece):
            if end is not None and not dotted:
                break
            words += not piece.letter or words == 0
            if dotted and (written or piece.text in TOP_LEVEL):
                end = piece.end
            dotted = False
            if words > WORDS:
                break
        elif piece.text in JOINERS:
            continue
        elif not piece.space:
            break
    return end


def _local_start(pieces: list[Token], place: int, done: int) -> int | None:
    """Where the name begins that stands before the sign."""
    spoken = pieces[place].text != "@" or (place > 0 and pieces[place - 1].space)
    start, last, spaced, extra = None, None, False, 0
    for back in range(place - 1, max(-1, place - BACKWARD), -1):
        piece = pieces[back]
        if piece.start < done:
            break
        if piece.space:
            spaced = True
            if not spoken:
                break
            continue
        if piece.text in JOINERS or (not spoken and piece.text in LOCAL):
            if last is None and spaced and piece.text in DOT:
                break
            if not (spaced and piece.text == "." and start is not None):
                last = piece
                spaced = False
                start = piece.start if not spoken else start
                continue
            break
        if not _is_label(piece):
            break
        if start is not None and spaced and last is not None and not _spelled(piece, last):
            extra += 1
            if extra > 2 or piece.text in BEFORE_ADDRESS:
                break
        start, last, spaced = piece.start, piece, False
    return start


def _spelled(piece: Token, last: Token) -> bool:
    """Whether two words belong together: letters, digits, or something that joins them."""
    return last.text in JOINERS or all(one.letter or one.digits for one in (piece, last))


def _is_label(piece: Token) -> bool:
    return piece.text.isalnum()


def _is_place(pieces: list[Token], place: int, end: int) -> bool:
    """Whether it is said where something is: "see it at example.com"."""
    if pieces[place].text == "@":
        return False
    backward = (pieces[back] for back in range(place - 1, -1, -1))
    before = next((piece for piece in backward if not piece.space), None)
    if before is None or before.text not in BEFORE_ADDRESS:
        return False
    forward = (pieces[ahead] for ahead in range(place, len(pieces)))
    return any(piece.text == "." for piece in takewhile(lambda one: one.end <= end, forward))
