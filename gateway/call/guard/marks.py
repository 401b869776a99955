"""Marks of prompt injection: orders to the assistant in a text that has no right to give any.

A mark is a turn of phrase, not a word: "ignore the invoice" is none, "ignore your instructions" is.
They are looked for in the folded text, in what is hidden in it, and in what it has in base64.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.call.guard.expressions import compiled
from gateway.call.guard.folding import Folded, fold, unwrapped

_RULES = (
    r"(?:instructions?|prompts?|rules?|guidelines?|directives?|programming|restrictions?|"
    r"policy|policies|guardrails?|safety (?:rules|settings)|system messages?|training)"
)
_EARLIER = (
    r"(?:all|any|every|the|your|of|these|those|my|previous|prior|above|earlier|preceding|"
    r"existing|initial|original|current|former|system|safety|other|to|that|you|were|given)"
)
_DROP = r"(?:ignore|disregard|forget|override|bypass|discard|do not follow|stop following|drop)"

HIDDEN = 4  # letters that nobody sees, from which they are no accident

_TELL = (
    r"\b(?:reveal|repeat|print|show|read|output|recite|tell|give me|what (?:is|are|were)|what's|"
    r"disclose|leak|send|quote|spell out|summari[sz]e)\b"
)

MARKS: tuple[str, ...] = (
    rf"\b{_DROP}\b(?:\W+{_EARLIER}\b){{1,6}}\W+{_RULES}\b",
    rf"\b{_DROP} (?:everything|anything|all)(?: that)?(?: (?:you (?:were|have been|are)|i))? "
    r"(?:told|said|above|before|instructed)",
    r"\b(?:from now on|henceforth|starting now)\W+(?:you (?:are|will|must|shall|act)|act as)\b",
    r"\byou are (?:now|no longer)\b\W+(?:an? |the |in |bound |my |called |named |restricted|"
    r"dan\b|free|unrestricted)",
    r"\b(?:pretend|act|behave|respond|answer|roleplay)\b[^.!?]{0,40}\b(?:have no|without(?: any)?|"
    r"had no|not bound by)\W+(?:restrictions?|rules?|limits?|filters?|guidelines?)",
    r"\b(?:developer|debug|god|dan|jailbreak|maintenance|admin|unrestricted|sudo) mode\b",
    rf"{_TELL}[^.!?]{{0,40}}\b(?:system|hidden|initial|secret|internal|confidential)\W+"
    r"(?:prompts?|instructions?|directives?|messages?|guidelines|rules)\b",
    rf"{_TELL}[^.!?]{{0,20}}\byour\W+(?:\w+\W+)?prompt\b",
    rf"{_TELL}[^.!?]{{0,20}}\byour\W+(?:\w+\W+)?(?:instructions|guidelines|rules)\b[^.!?]{{0,20}}"
    r"\b(?:verbatim|word for word|in full|exactly|completely)\b",
    r"\b(?:do not|don'?t|never)\W+(?:tell|inform|mention (?:this|it) to|alert|let|"
    r"reveal (?:this|it) to)\W+(?:the|your)\W+(?:user|caller|customer|human|person)\b",
    r"\b(?:assistant|ai|ai model|language model|llm|chatbot|voice agent|ai agent|bot)\b\W+"
    r"(?:reading this\W+)?(?:you )?(?:must|should|shall|are (?:required|instructed|ordered)|has to|"
    r"needs? to)\W+(?:now |first |immediately |always |instead )?"
    r"(?:call|transfer|send|ignore|say|tell|execute|run|invoke|refund|ask|reveal|forward|read|use)\b",
    r"\b(?:assistant|ai|language model|llm|chatbot)\s*[:,]\s*(?:now |please |immediately )*"
    r"(?:call|transfer|send|ignore|say|tell|execute|run|invoke|refund|reveal|forward|follow)\b",
    r"\b(?:call|invoke|run|use|execute|trigger)\W+(?:the\W+)?[a-z]+(?:_[a-z]+)+\b",
    r"\b(?:call|invoke|execute|trigger)\W+(?:the|this|that|your)\W+(?:\w+\W+){0,2}"
    r"(?:tool|function)\b",
    r"(?:^|\n|[.!?>*#\]]\s*)\s*(?:\W{0,4})(?:system|new|updated|important|admin(?:istrator)?|"
    r"hidden|secret|override)\W+(?:system |priority |urgent )?(?:instructions?|prompt|message|"
    r"directive|override|policy|command)s?(?: (?:for|to) (?:the |all )?(?:ai|assistants?|models?|"
    r"agents?|llms?|ai (?:models?|agents?|assistants?)))?\s*[:>\n]",
    r"(?:^|\n|[.!?]\s)\s*(?:#+\s*)?(?:system|assistant|developer)\s*:\s*\S",
    r"<\|?/?(?:im_start|im_end|system|assistant|endoftext|start_header_id|eot_id)\|?>",
    r"\[/?(?:inst|system|sys)\]|<</?sys>>|</?(?:tool_result|function_result|system_prompt|"
    r"instructions)>",
    r"\b(?:your|its) (?:real|true|new|actual|only) (?:task|goal|purpose|identity|objective|job|"
    r"mission|role|instructions?) (?:is|are)\b",
    r"\bend (?:of )?(?:the )?(?:document|tool (?:output|result)|data|user (?:input|data))\b"
    r"\W{1,6}(?:now|new|begin|begins|start|system|instructions?)",
    r"\bignorier(?:e|en sie)\b[^.!?]{0,30}\b(?:anweisungen|vorgaben|regeln|instruktionen)\b",
    r"\bignore[zr]?\b[^.!?]{0,30}\b(?:consignes|instructions) (?:precedentes|anterieures|"
    r"ci-dessus)\b",
    r"\bignor(?:a|e|en|ar)\b[^.!?]{0,30}\b(?:instrucciones|reglas|istruzioni|regole) "
    r"(?:anteriores|previas|precedenti)\b",
)


def injected(folded: Folded, original: str) -> Iterator[tuple[int, int]]:
    """Where the marks stand in the original text."""
    pattern = compiled("|".join(f"(?:{mark})" for mark in MARKS))
    for start, end in pattern.spans(folded.text):
        yield folded.span(start, end)
    if len(folded.hidden) >= HIDDEN:
        yield folded.hidden_at  # nobody hides letters who means well
    for start, end, inner in unwrapped(original):
        if next(pattern.spans(fold(inner).text), None) is not None:
            yield start, end
