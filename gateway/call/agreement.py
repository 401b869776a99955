"""Agreement: whether a caller's words say yes, in the languages that are most often spoken."""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


YES = _words(
    """
    yes yeah yep yup sure ok okay correct right absolutely definitely certainly confirm confirmed
    agreed proceed affirmative fine perfect exactly
    ja jawohl genau gerne einverstanden stimmt richtig klar bestätige
    oui ouais d'accord absolument exactement volontiers confirme
    sí si claro vale correcto adelante confirmo acepto
    sì certo esatto confermo sim isso
    graag akkoord klopt prima tak zgadza dobrze evet tamam
    да конечно хорошо согласен согласна
    はい うん ええ 是 是的 好 好的 对 可以 네 예 हाँ हां जी نعم
    """
)
YES_PHRASES = (
    *("go ahead", "please do", "do it", "do that", "of course", "that's fine", "sounds good"),
    *("in ordnung", "auf jeden fall", "bien sûr", "vas-y", "allez-y", "de acuerdo", "va bene"),
    *("d'accordo", "está bem", "pode ser"),
)
NO = _words(
    """
    no not nope nah never don't dont wait hold nothing neither wrong
    nein nicht nie niemals halt warte falsch kein keine
    non pas jamais attends attendez arrête
    nunca espera espere alto mal aspetta ferma sbagliato não nao errado
    nee niet nooit wacht stój czekaj yok
    нет не стой подожди
    いいえ いや だめ 不 不是 不要 别 아니요 아니 नहीं मत لا
    """
)
STOP = _words("stop stopp basta para pare")  # a no, unless it comes with a yes: "yes, stop it"
IF = _words(
    """
    if but unless maybe perhaps only instead wenn aber vielleicht mais peut-être pero quizás quizá
    ma forse mas talvez maar misschien ale może но если
    """
)
ASKS = re.compile(
    r"(?:(?:and|so|well|ok|okay|yes|yeah|sorry)\b[, ]*)*"
    r"(?:are|is|am|can|could|will|would|does|did|do (?:you|i|we)|what|why|how|when|who|where"
    r"|which|was|wer|wie|wann|warum|quoi|pourquoi|comment|qué|cómo|cuándo|por qué|come|quando"
    r"|perché)\b"
)


def agrees(words: str) -> bool | None:
    """Whether these words say yes; None where they say neither yes nor no.

    Only a plain yes is one: what holds a no, a condition or a question beside it, is not clear.
    """
    text = words.lower().replace("\u2019", "'")
    said = set(re.findall(r"[^\W\d_]+(?:['-][^\W\d_]+)*", text))
    if said & NO:
        return None if said & YES else False
    yes = bool(said & YES) or any(phrase in text for phrase in YES_PHRASES)
    if said & STOP and not yes:
        return False
    if said & IF or ASKS.match(text.strip()) or (text.rstrip().endswith("?") and len(said) > 1):
        return None
    return True if yes else None
