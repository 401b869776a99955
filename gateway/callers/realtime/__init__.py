"""The front door for Realtime clients: the GA protocol as a server, with the call in its middle.

A client of the Realtime API is one caller among others, save that it is a program: it configures
the call, ends turns itself where it wants to, answers functions of its own, and has a playback
buffer of its own, so that audio goes out as fast as it comes and the client says what was heard.

    dialect        one client's connection: its messages to facts, the call's orders to events
    configuration  the session object, and the plan that it makes of a call
    conversation   the items that the client has seen, in order, and under which names
    input          the caller's side of the stream: audio, turns, what was recognised
    output         the assistant's side: answers, their items, sound and words
    requests       what the client asks for, checked before the call hears of it
    access         keys, short-lived secrets, and where browsers put them

The core decides on turns, interruption and functions; the dialect tells what was decided in the
words and the order of the protocol. It knows no socket: over WebRTC the same dialect lives on a
data channel, with `media` elsewhere: then no audio is in its messages, the core's ledger says what
was heard and truncates by itself, and the leg tells when the sound begins and ends.

The gateway's own functions are hidden: the answers around them are one answer to the client.
What the core has no word for is relayed to the assistant, which speaks the same protocol. The
fence: a list of types (`requests`), items only that the client has seen, and names of its own for
events and requests, so that nothing of the gateway's can be named, read or removed.
"""

from gateway.callers.realtime.configuration import LEAD, Offer
from gateway.callers.realtime.dialect import RealtimeDialect

__all__ = ["LEAD", "Offer", "RealtimeDialect"]
