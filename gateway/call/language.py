"""Language: which one a caller's sentence is in, by its letters and by its smallest words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
LONGEST = 2000  # characters that are looked at
FEWEST = 2  # small words of one language, without which nothing is known
# Where the letters alone tell. Of Cyrillic and Arabic letters the most spoken language is named.
SCRIPTS = (
    ("ja", "\u3040", "\u30ff"),
    ("ko", "\uac00", "\ud7af"),
    ("zh", "\u4e00", "\u9fff"),
    ("el", "\u0370", "\u03ff"),
    ("he", "\u0590", "\u05ff"),
    ("ar", "\u0600", "\u06ff"),
    ("hi", "\u0900", "\u097f"),
    ("th", "\u0e00", "\u0e7f"),
    ("ru", "\u0400", "\u04ff"),
)
SMALL = {
    "en": "the a an and is are was it i you he we they my your what how where when can could do"
    " does don't not with for from this that have has would like please of to in on at be me hello"
    " yes want need know there i'm it's thank thanks",
    "de": "der die das und ist sind war es ich du er wir sie mein meine was wie wo wann kann könnte"
    " nicht mit für von dies ein eine einen haben hat möchte bitte zu im auf den dem mir hallo ja"
    " nein guten danke noch auch wer sie ihre",
    "fr": "le la les et est sont était il je tu nous vous ils mon ma mes que quoi comment où quand"
    " peux pouvez ne pas avec pour de du des ce cette un une avoir voudrais au sur moi bonjour oui"
    " non merci c'est j'ai qu'est d'accord votre",
    "es": "el la los las y es son era yo tú él nosotros mi mis qué cómo dónde cuándo puedo puede no"
    " con por para de del este esta un una tengo tiene quiero quisiera al en me hola sí gracias hay"
    " usted buenos su",
    "it": "il lo la gli le e è sono era io tu lui noi mio mia che cosa come dove quando posso può"
    " non con per di del della questo questa un una ho ha vorrei al in mi ciao sì grazie c'è buon"
    " buongiorno suo",
    "pt": "o a os as e é são era eu você ele nós meu minha que como onde quando posso pode não com"
    " por para de do da este esta um uma tenho tem quero gostaria ao em me olá sim obrigado"
    " obrigada bom seu",
    "nl": "de het en is zijn was ik jij je hij wij we zij mijn wat hoe waar wanneer kan kunt niet"
    " met voor van dit dat een heb heeft wil graag aan op te mij hallo ja nee dank bedankt ook er u"
    " uw",
    "pl": "i jest są był to ja ty on my wy mój moja co jak gdzie kiedy czy mogę może nie z dla od"
    " ten ta mam ma chcę chciałbym proszę na w do mnie cześć tak dziękuję dzień dobry się",
    "sv": "det och är var jag du han vi ni min mitt vad hur när kan inte med för från den en ett"
    " har skulle vilja tack till i på att mig hej ja nej som er",
    "tr": "ve bir bu şu ben sen biz siz benim ne nasıl nerede var yok değil ile için evet hayır"  # noqa: RUF001
    " lütfen istiyorum merhaba teşekkürler mi mı çok kadar",  # noqa: RUF001
    "cs": "a je jsou byl to já ty my vy můj moje co jak kde kdy mohu může ne s pro od ten ta mám má"
    " chci chtěl prosím na v do mě ahoj ano děkuji dobrý den se",
}


def _weights() -> dict[str, dict[str, float]]:
    """Of each small word, the languages that have it: a word of many says little."""
    found: dict[str, list[str]] = {}
    for language, words in SMALL.items():
        for word in dict.fromkeys(words.split()):
            found.setdefault(word, []).append(language)
    return {word: dict.fromkeys(those, 1 / len(those)) for word, those in found.items()}


WEIGHTS = _weights()
UKRAINIAN = set("іїєґ")


def language_of(text: str) -> str:
    """The ISO 639-1 code of what a sentence is in; nothing where it does not say."""
    text = text[:LONGEST].casefold()
    if script := _script(text):
        return "uk" if script == "ru" and UKRAINIAN & set(text) else script
    words = WORD.findall(text)
    known = [WEIGHTS[word] for word in words if word in WEIGHTS]
    scores = {one: sum(word.get(one, 0.0) for word in known) for one in SMALL}
    best, second = sorted(scores, key=lambda one: -scores[one])[:2]
    small = sum(best in word for word in known)
    certain = small >= min(FEWEST, len(words)) and scores[best] > scores[second]
    return best if certain else ""


def _script(text: str) -> str:
    """The language whose letters most of the text has, where they are its own."""
    letters = [letter for letter in text if letter.isalpha()]
    found = Counter(of for letter in letters for of in _scripts(letter))
    if not found:
        return ""
    if found["ja"]:
        return "ja"  # kanji beside its own letters
    language, number = found.most_common(1)[0]
    return language if 2 * number > len(letters) else ""


def _scripts(letter: str) -> Iterator[str]:
    return (language for language, first, last in SCRIPTS if first <= letter <= last)
