"""Turns of talk that need no function: greeting, thanks, goodbye, pardon; and instructions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.embedded.mind.words import split_name
from gateway.embedded.parts import Function

_GREETING = re.compile(
    r"^(?:(?:hi|hello|hey|hiya|greetings|good (?:morning|afternoon|evening"
    r"|day))\b(?: there)?[\s,.!]*)+",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"^(?:(?:um+|uh+|er+|hmm+|well|so|okay|ok|right|alright|great|good|perfect|please)\b[\s,.!]*)+",
    re.IGNORECASE,
)
_INTERRUPTION = re.compile(  # before a question; before anything else it may correct something
    r"^(?:(?:wait|stop|hold on|hang on)\b[\s,.!]*)+"
    r"(?=(?:what|where|when|why|who|which|how)(?:'s)?\s+\w+\s+\w+)",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"(?:^|[\s,.!])(?:(?:many )?thanks(?: a lot| so much| very much)?|thank you(?: so much"
    r"| very much)?"
    r"|cheers|much appreciated)\b[\s,.!]*$|^(?:thanks|thank you)(?: so much| very much"
    r"| a lot)?[,.!\s]+",
    re.IGNORECASE,
)
_KINDS = {
    "goodbye": r"(?:and )?(?:good ?bye|bye(?:[\s-]bye)?|see you(?: later| soon)?|that(?:'s| is"
    r"| will be)"
    r" (?:all|it|everything)(?: for (?:now|today)| i need(?:ed)?)?|nothing else|have a (?:nice"
    r"|good|great)"
    r" (?:day|one|evening|weekend)|talk to you later|no,? (?:that(?:'s| is) (?:all|it"
    r"|everything)|i'm (?:good|fine|done)))"
    r"(?:[\s,.!]+(?:then|now|bye|goodbye|thanks|thank you))*",
    "repeat": r"(?:sorry,? )?(?:(?:i beg your )?pardon(?: me)?|what(?: was that"
    r"| did you (?:just )?say)?|sorry|come again"
    r"|(?:can|could|would) you (?:please )?(?:repeat|say)(?: that| it"
    r"| this)?(?: again)?(?: please)?|(?:please )?repeat(?: that| it)?"
    r"|say (?:that|it) again|once more|again|i (?:didn't|did not) (?:catch|hear|get"
    r"|understand) (?:that|it|you)"
    r"(?:,? (?:can|could) you (?:please )?(?:repeat|say) (?:that|it)(?: again)?)?)(?:,? please)?",
    "resume": r"(?:please )?(?:go on|continue|carry on|keep going|go ahead|you were saying"
    r"|finish(?: that)?)(?:,? please)?",
    "help": r"(?:so )?(?:what (?:can|do|could) you (?:do|help)(?: me)?(?: with)?(?: for me)?"
    r"|how (?:can|could) you help(?: me)?"
    r"|what are (?:my|the) options|what can i (?:ask|say)(?: you)?|(?:can"
    r"|could) you help(?: me)?|i need(?: some)? help|help(?: me)?)",
    "who": r"(?:and )?(?:who (?:are you|am i (?:talking|speaking) (?:to|with)|is this)"
    r"|what are you|what(?:'s| is) your name"
    r"|are you (?:a |an )?(?:robot|bot|human|real|real person|machine|ai|person|computer))",
    "past": r"(?:so )?(?:do you (?:still )?(?:remember|know) (?:me|who i am|what we (?:said|agreed"
    r"|talked about|spoke about))|what did (?:we|i|you) (?:say|agree|talk about|speak about|ask"
    r"|tell (?:me|you))(?: on| for)?)(?:,? (?:the )?(?:last|the last) (?:time|call)| yesterday"
    r"| before)?",
    "mood": r"how (?:are you|are things|is it going|do you do)(?: doing)?(?: today)?",
    "never_mind": r"(?:no,? )?(?:never ?mind|forget (?:it|that|about it)|cancel that|skip (?:it"
    r"|that)|leave it|don't bother|stop)",
    "wait": r"(?:wait|stop|hold on|hang on|just a (?:moment|second|minute)|one (?:moment|second))"
    r"(?:[\s,.!]+(?:wait|stop|please|a (?:moment|second|minute)))*",
    "yes": r"(?:yes|yeah|yep|yup|sure|correct|exactly|right|that's right|of course|i do"
    r"|i am)(?:,? please)?",
    "no": r"(?:no|nope|nah|not really|i don't|no thank you|no thanks)",
    "there": r"(?:are you (?:still )?there|can you hear me|anybody there|is anyone there)",
}
_COMPILED = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _KINDS.items()}
CORRECTION = re.compile(
    r"^(?:(?:no|nope|sorry|wait|actually|oh)\b[\s,.]*)+(?=\S)|\bi (?:meant|said|mean)\b"
    r"|\b(?:should be|rather)\b"
    r"|^not\b",
    re.IGNORECASE,
)
CONTINUATION = re.compile(r"^(?:and|what about|how about|or|also|then|same for)\b", re.IGNORECASE)
ANAPHOR = re.compile(
    r"\b(?:it|its|that|this|them|they|there|same|him|her|one)\b|\b(?:the|my|that|this) \w+",
    re.IGNORECASE,
)
ANOTHER = re.compile(r"\b(?:another|other|different|new|an|a second|second)\s+(\w+)", re.IGNORECASE)
_CONSENT = re.compile(
    r"(?:(?:um+|uh+|well|oh)\b[\s,.]*)*(?:yes|yeah|yep|yup|sure|ok|okay|please do|go ahead"
    r"|do (?:it|that)|of course|absolutely|correct|exactly|right|that's right|definitely)\b"
)
_DOUBT = re.compile(r"\b(?:no|not|don't|but|if|wait|what|how|why|when|which|instead|only)\b|\?$")
_QUOTED = re.compile(r"[\"“«](.+?)[\"”»]", re.DOTALL)


def core(text: str) -> str:
    """The utterance without greeting, fillers, "wait, stop" and thanks at its edges."""
    plain = " ".join(text.replace("\u2019", "'").split())
    for pattern in (_FILLER, _GREETING, _FILLER, _INTERRUPTION, _THANKS):
        plain = pattern.sub("", plain).strip(" ,")
    return plain.strip()


def greets(text: str) -> bool:
    return _GREETING.match(_FILLER.sub("", text.strip())) is not None


def thanks(text: str) -> bool:
    return _THANKS.search(text.strip()) is not None


def kind(text: str) -> str:
    """What kind of talk the whole utterance is, if it is one that needs no function."""
    plain = text.replace("\u2019", "'").strip(" .!?,")
    return next((name for name, shape in _COMPILED.items() if shape.fullmatch(plain)), "")


def consents(text: str) -> bool:
    """Whether the words agree to what was just asked: 'Yes, cancel it.'"""
    plain = _GREETING.sub("", text.replace("\u2019", "'").strip(" .!,")).lower()
    return _CONSENT.match(plain) is not None and not _DOUBT.search(plain)


def clauses(text: str) -> list[str]:
    """The parts of an utterance that may each be a request of their own."""
    marks = r"(?<=[.?!;])\s+|,?\s+\b(?:and also|and then|and|then|also|plus)\b\s+|;\s*"
    parts = re.split(marks, text, flags=re.IGNORECASE)
    return [part.strip(" ,") for part in parts if part and part.strip(" ,.?!")]


# ---------------------------------------------------------------- instructions


def sentence_to_say(request: str) -> str:
    """The words that an instruction for one answer puts into the assistant's mouth, else ''."""
    if match := re.search(
        r"\b(?:say|tell|greet|answer|reply|respond|ask|announce|welcome|read|repeat)\b[^\"“«]*"
        + _QUOTED.pattern,
        request,
        re.IGNORECASE | re.DOTALL,
    ):
        return match.group(1).strip()
    match = re.match(
        r"\s*(?:please )?say(?: exactly)?\s*:\s*(.+)", request, re.IGNORECASE | re.DOTALL
    )
    return match.group(1).strip() if match else ""


def indirect(request: str) -> str:
    """Which common order an instruction gives: 'there', 'greet', 'moment', 'still' … or ''."""
    shapes = {
        "moment": r"\btaking a (?:moment|while)\b",
        "still": r"\bstill (?:taking time|working on)\b",
        "there": r"still (?:there|on the line)|(?:are|is|whether)\b.{0,30}\b(?:there|listening)\b",
        "apologise": r"\bapologi[sz]e\b|\bsay sorry\b",
        "goodbye": r"\b(?:say|wish)\b.{0,20}\b(?:good ?bye|farewell)\b|\bend the (?:call"
        r"|conversation)\b",
        "greet": r"\b(?:greet|welcome|say (?:hello|hi)|introduce yourself"
        r"|start the conversation)\b",
        "help": r"\bask\b.{0,40}\bhelp\b|\boffer\b.{0,20}\bhelp\b|\banything else\b",
    }
    return next((k for k, s in shapes.items() if re.search(s, request, re.IGNORECASE)), "")


def greeting(instructions: str) -> str:
    """How to open the call: the sentence that the instructions give, else one with the name."""
    if match := re.search(
        r"\b(?:greet|greeting|open|begin|start|welcome|say first)\b[^\"“«.]{0,80}"
        + _QUOTED.pattern,
        instructions,
        re.IGNORECASE | re.DOTALL,
    ):
        return match.group(1).strip()
    name = own_name(instructions)
    return f"Hello, this is {name}. How can I help you?" if name else "Hello, how can I help you?"


def own_name(instructions: str) -> str:
    """'Ada of Northwind' from 'You are Ada of Northwind, ...'; '' where no name is given."""
    word = r"[A-Z][\w'&-]*"
    for pattern in (
        rf"\b[Yy]ou are ({word}(?:\s{word})*(?:,? (?:of|from|at) {word}(?:\s{word})*)?)",
        rf"\b[Yy]our name is ({word}(?:\s{word})*)",
    ):
        match = re.search(pattern, instructions)
        if match and match.group(1).split()[0] not in ("A", "An", "The", "I"):
            return match.group(1)
    return ""


def abilities(functions: Sequence[Function]) -> str:
    """'I can help with …' from the functions' own words."""
    told = [_ability(function) for function in functions if not ends_call(function)]
    if not told:
        return "I have no functions in this call, so there is little that I can do but listen."
    shown, more = told[:5], len(told) > 5
    listed = ", ".join(shown[:-1]) + " and " + shown[-1] if len(shown) > 1 else shown[0]
    return f"I can help with these things{', among others' if more else ''}: {listed}."


def _ability(function: Function) -> str:
    first = re.split(r"[.;\n(]|, e\.g", function.description.strip())[0].strip()
    text = first if 0 < len(first) <= 70 else split_name(function.name)
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def ends_call(function: Function) -> bool:
    """Whether the function hangs up."""
    name = split_name(function.name)
    shape = (
        r"\b(?:hang ?up|end (?:the )?(?:call|conversation|session)|disconnect"
        r"|terminate call|goodbye)\b"
    )
    return re.search(shape, name) is not None
