"""The words by which people say digits, letters and the signs between them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


def _table(text: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in text.split())


def _words(text: str) -> list[str]:
    return text.split()


def _digits(*languages: str) -> dict[str, str]:
    """Words of each language, from nought to nine; several for one digit are joined by a bar."""
    return {
        word: str(digit)
        for language in languages
        for digit, words in enumerate(language.split())
        for word in words.split("|")
    }


DIGITS: Mapping[str, str] = MappingProxyType(
    _digits(
        "zero|oh|o|nought|naught one two three four five six seven eight nine|niner",
        "null eins zwei|zwo drei vier fünf|fuenf sechs sieben acht neun",
        "zéro un|une deux trois quatre cinq six sept huit neuf",
        "cero uno dos tres cuatro cinco seis siete ocho nueve",
        "zero uno due tre quattro cinque sei sette otto nove",
        "nul één twee drie vier vijf zes zeven acht negen",
        "零 一 二 三 四 五 六 七 八 九",
    )
)
TEENS: Mapping[str, str] = MappingProxyType(
    _table(
        """
        ten=10 eleven=11 twelve=12 thirteen=13 fourteen=14 fifteen=15 sixteen=16 seventeen=17
        eighteen=18 nineteen=19
        zehn=10 elf=11 zwölf=12 zwoelf=12 dreizehn=13 vierzehn=14 fünfzehn=15 fuenfzehn=15
        sechzehn=16 siebzehn=17 achtzehn=18 neunzehn=19
        dix=10 onze=11 douze=12 treize=13 quatorze=14 quinze=15 seize=16
        """
    )
)
TENS: Mapping[str, str] = MappingProxyType(
    _table(
        """
        twenty=2 thirty=3 forty=4 fourty=4 fifty=5 sixty=6 seventy=7 eighty=8 ninety=9
        vingt=2 trente=3 quarante=4 cinquante=5 soixante=6
        """
    )
)
_GERMAN_TENS = _table(
    """
    zwanzig=2 dreißig=3 dreissig=3 vierzig=4 fünfzig=5 fuenfzig=5 sechzig=6 siebzig=7 achtzig=8
    neunzig=9
    """
)
_GERMAN_UNITS = _table("ein=1 zwei=2 drei=3 vier=4 fünf=5 fuenf=5 sechs=6 sieben=7 acht=8 neun=9")
WHOLE: Mapping[str, str] = MappingProxyType(
    {word: tens + "0" for word, tens in _GERMAN_TENS.items()}
    | {
        f"{unit}und{word}": tens + digit
        for word, tens in _GERMAN_TENS.items()
        for unit, digit in _GERMAN_UNITS.items()
    }
    | dict(TEENS)
    | _table("hundred=00 hundert=00 thousand=000 tausend=000")
)
TIMES: Mapping[str, int] = MappingProxyType(
    {"double": 2, "doppel": 2, "doppelt": 2, "doppelte": 2, "zweimal": 2, "doble": 2}
    | {"triple": 3, "treble": 3, "dreifach": 3, "dreimal": 3, "quadruple": 4, "viermal": 4}
)

# Said between the digits of one number, and no part of it.
FILLERS = frozenset(
    _words(
        """
        uh uhm um er erm hm hmm äh ähm öh and und then dann et the die le so okay ok dash
        hyphen minus space slash strich bindestrich schrägstrich leerzeichen tiret guion guión
        bracket brackets klammer auf zu open close comma komma next weiter
        mm mhm aha yes yeah yep correct ja genau richtig oui sí sì
        """
    )
)
PLUS = frozenset({"+", "plus"})

AT = frozenset({"@", "at", "ät", "klammeraffe", "arroba", "arobase", "chiocciola"})
DOT = frozenset({".", "dot", "punkt", "point", "punto", "punt"})
# What joins the parts of a name within an address.
JOINERS = DOT | frozenset(
    _words(
        """
        - _ + underscore unterstrich dash hyphen minus bindestrich plus tiret guion guión
        """
    )
)
# What comes before an address, and is no part of it.
BEFORE_ADDRESS = frozenset(
    _words(
        """
        is are s mail email mails address adresse ist lautet my meine mein to an under unter
        from von bei me it at the a und and or oder with mit send write schreib contact please
        bitte reach also yes ja ok okay dash
        """
    )
)
TOP_LEVEL = frozenset(
    _words(
        """
        com net org edu gov info biz io ai app dev me tv de at ch eu fr es it nl be uk co us
        ca au nz ie dk se no fi pl cz pt gr ru ua tr in jp cn kr br mx li lu hu ro bg hr si sk
        ee lv lt online shop cloud email xyz name mobi test example invalid
        """
    )
)

_ALPHABETS = """
    alpha alfa bravo charlie delta echo foxtrot golf hotel india juliet juliett kilo lima mike
    november oscar papa quebec romeo sierra tango uniform victor whiskey whisky x-ray xray yankee
    zulu
    anton berta cäsar caesar dora emil friedrich gustav heinrich ida julius konrad kaufmann ludwig
    martha nordpol otto paula quelle richard siegfried samuel theodor ulrich viktor wilhelm
    xanthippe ypsilon zacharias zeppelin
"""
LETTERS: Mapping[str, str] = MappingProxyType(
    {word: word[0] for word in _ALPHABETS.split()}
    | _table("bee=b cee=c dee=d gee=g jay=j kay=k pee=p tee=t vee=v zee=z zed=z zett=z aitch=h")
)
AS_IN = frozenset({"as", "in", "wie", "like", "for"})  # "D as in Delta", "D wie Dora"

IBAN_LENGTHS: Mapping[str, int] = MappingProxyType(  # ISO 13616, whole, by country
    {country: int(length) for country, length in _table(
        """
        ad=24 ae=23 al=28 at=20 az=28 ba=20 be=16 bg=22 bh=22 br=29 by=28 ch=21 cr=22 cy=28 cz=24
        de=22 dk=18 do=28 ee=20 eg=29 es=24 fi=18 fo=18 fr=27 gb=22 ge=22 gi=23 gl=18 gr=27 gt=28
        hr=21 hu=28 ie=22 il=23 iq=23 is=26 it=27 jo=30 kw=30 kz=20 lb=28 lc=32 li=21 lt=20 lu=20
        lv=21 ly=25 mc=27 md=24 me=22 mk=19 mr=27 mt=31 mu=30 nl=18 no=15 pk=24 pl=28 ps=29 pt=25
        qa=29 ro=24 rs=22 sa=24 sc=31 se=24 si=19 sk=24 sm=27 st=25 sv=28 tl=23 tn=24 tr=26 ua=29
        va=22 vg=24 xk=20
        """
    ).items()}
)  # fmt: skip
