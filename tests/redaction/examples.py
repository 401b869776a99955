"""Cards, IBANs, addresses and telephones as people write and say them, and what is none."""

from __future__ import annotations

CARDS = [
    "4111111111111111",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "4111.1111.1111.1111",
    "3782 822463 10005",
    "four one one one one one one one one one one one one one one one",
    "vier eins eins eins, eins eins eins eins, eins eins eins eins, eins eins eins eins",
    "forty one eleven, eleven eleven, eleven eleven, eleven eleven",
    "einundvierzig elf elf elf elf elf elf elf",
    "five five double zero, quadruple zero, quadruple zero, double zero oh four",
    "cuatro uno uno uno uno uno uno uno uno uno uno uno uno uno uno uno",
]
IBANS = [
    "DE89370400440532013000",
    "DE89 3704 0044 0532 0130 00",
    "de89-3704-0044-0532-0130-00",
    "GB29NWBK60161331926819",
    "GB29 NWBK 6016 1331 9268 19",
    "NL91 ABNA 0417 1643 00",
    "FR14 2004 1010 0505 0001 3M02 606",
    "D E eight nine three seven oh four double zero double four oh five three two oh one three"
    " double zero oh",
    "D wie Dora E wie Emil acht neun drei sieben null vier null null vier vier null fünf drei zwei"
    " null eins drei null null null",
    "Delta Echo eighty-nine thirty-seven zero four zero zero forty four zero five thirty two zero"
    " one thirty zero zero",
]
EMAILS = [
    "anna@example.com",
    "anna.smith+pizza@mail.example.co.uk",
    "Anna_Smith@EXAMPLE.DE",
    "änne@müller.de",
    "anna at example dot com",
    "anna dot smith at example dot co dot uk",
    "anna unterstrich schmidt ät gmx punkt de",
    "a n n a at example dot com",
    "alpha november november alpha at g m x dot net",
    "anna bindestrich maria at web punkt de",
    "anna twenty two at my company dot com",
    "anna @ example.com",
]
PHONES = [
    "+49 30 1234567",
    "+49 (0)30 123-4567",
    "0049301234567",
    "030 1234567",
    "06.12.34.56.78",
    "(555) 234-5678",
    "555-234-5678",
    "555-1234",
    "plus four nine three zero one two three four five six seven",
    "null drei null, eins zwo drei vier fünf sechs sieben",
    "oh seven seven double oh nine hundred one two three",
    "five five five, one two three four",
]
NUMBERS = ["123456789", "12 34 56 78 90 12", "nine eight seven six five four three two one"]
HARMLESS = [
    *("order 12345", "two pizzas and 3 cokes", "see you at noon. It is fine", "at home"),
    *("on 2026-11-21 10:02:56 it rang", "am 21.11.2026 um 10 Uhr", "on 11/21/2026"),
    *("it costs 1,234,567.89 in all", "es kostet 1.234.567,89 Euro", "from 192.168.100.200"),
    *("call_1732183376123456 ended", "pi is 0.1415926", "I have one or two of them", ""),
    *("twenty two people at table nine", "meet me at the dot", "go and look at it. Is it good"),
    *("look at us, it is me", "der Preis ist 23 Euro 50", "read it at example.com", "null"),
]
