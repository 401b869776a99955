"""Documents are read to their last word, with the place of each passage; bad ones are refused."""

from __future__ import annotations

import io
import zipfile
import zlib

import pytest

from gateway.knowledge.blocks import DocumentError
from gateway.knowledge.cell import read
from gateway.knowledge.office import LARGEST_PART
from gateway.knowledge.parsing import parse
from gateway.knowledge.passages import LENGTH
from tests.knowledge.files import docx, pdf

TERMS = """# Terms

Welcome to the shop.

## Returns

You may return a parcel
within 30 days.

### Food

- Food cannot be returned.
- Except when it is spoiled.

## Delivery
Parcels are delivered by bicycle.
"""
PAGE = """<!doctype html><html><head><title>Shop</title><style>p { color: red }</style><body>
<nav>Home</nav><h1>Opening <b>hours</b></h1><p>Monday to <i>Friday</i>:<br>9 to 6 &amp; later
<p hidden>Not closed<table><tr><th>Day<th>Hours<tr><td>Saturday<td>10 to 2</table>
<script>alert("<p>no</p>")</script><div style="display: none">secret<p>more</p></div>
<h2>Holidays</h2>Closed.</body></html>"""


def test_markdown_is_cut_at_headings_and_says_its_lines() -> None:
    assert read("md", TERMS.encode()) == [
        ("Terms", "line 3", "Welcome to the shop."),
        ("Terms > Returns", "line 7", "You may return a parcel within 30 days."),
        (
            "Terms > Returns > Food",
            "line 12",
            "- Food cannot be returned.\n- Except when it is spoiled.",
        ),
        ("Terms > Delivery", "line 16", "Parcels are delivered by bicycle."),
    ]


def test_a_page_says_what_its_reader_sees() -> None:
    assert read("html", PAGE.encode()) == [
        ("", "line 2", "Home"),
        (
            "Opening hours",
            "line 2",
            "Monday to Friday: 9 to 6 & later\nNot closed\nDay | Hours\nSaturday | 10 to 2",
        ),
        ("Opening hours > Holidays", "line 5", "Closed."),
    ]


def test_each_row_of_a_table_stands_by_itself_with_the_names_of_its_columns() -> None:
    table = "Plan;Price;Note\nBasic;9,50;\n\nPro;19;for\tteams\n;;\n"
    assert read("csv", table.encode("cp1252")) == [
        ("", "row 2", "Plan: Basic; Price: 9,50"),
        ("", "row 4", "Plan: Pro; Price: 19; Note: for teams"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_text_is_read_in_the_encodings_that_are_about(encoding: str) -> None:
    text = "Geöffnet für Sie: täglich, 20 % günstiger.\n\n" * 3
    assert read("txt", text.encode(encoding))[0][2].startswith("Geöffnet für Sie: täglich")


async def test_a_word_document_has_its_headings_and_tables() -> None:
    found = await parse("terms.docx", docx())
    assert [(one.heading, one.text) for one in found] == [
        ("Warranty", "Two years on all kettles."),
        ("Warranty > Repairs", "Send it in. We mend it.\nPart | Price\nLid | 4 euros"),
    ]
    assert found[1].place == "paragraph 4"


async def test_a_pdf_has_its_pages() -> None:
    found = await parse("prices.pdf", pdf(["Repairs cost 20 euros.", "Express costs 35 euros."]))
    assert [(one.place, one.text) for one in found] == [
        ("page 1", "Repairs cost 20 euros."),
        ("page 2", "Express costs 35 euros."),
    ]


def test_no_passage_is_much_longer_than_meant_and_nothing_is_lost() -> None:
    words = " ".join(f"word{number}." for number in range(600))
    found = read("md", f"# Long\n\n{words}\n\n{'x' * 5000}".encode())
    assert all(len(text) <= LENGTH for _, _, text in found)
    assert "".join(text for _, _, text in found).count("x") == 5000
    together = " ".join(text for _, _, text in found)
    assert all(f"word{number}." in together for number in range(600))
    assert {heading for heading, _, _ in found} == {"Long"}


def bomb(size: int) -> bytes:
    """A Word document whose text unpacks to so much."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("word/document.xml", b"<w><t>" + b" " * size + b"</t></w>")
    return held.getvalue()


def laughing() -> bytes:
    """One whose entities multiply."""
    held = io.BytesIO()
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 9))
    with zipfile.ZipFile(held, "w") as packed:
        text = f'<!DOCTYPE w [<!ENTITY a0 "ha">{entities}]><w><t>&a8;</t></w>'
        packed.writestr("word/document.xml", text)
    return held.getvalue()


def pdf_bomb() -> bytes:
    """A page whose content unpacks to 4 GB: a deflated stream, deflated again."""
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = squeezer.compress(b" " * (1 << 22)) + squeezer.flush(zlib.Z_FULL_FLUSH)
    content = zlib.compress(b"\x78\x9c" + block * 1000 + squeezer.flush(), 9)
    return pdf([""], content=content, filters="[/FlateDecode /FlateDecode]")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        pytest.param("a.docx", b"PK\x03\x04broken", "damaged", id="broken docx"),
        pytest.param("a.docx", docx()[:-400], "damaged", id="cut docx"),
        pytest.param("a.docx", bomb(LARGEST_PART + 1), "unpacks to more than 64 MB", id="zip bomb"),
        pytest.param("a.docx", laughing(), "declares a document type", id="entities"),
        pytest.param("a.pdf", b"%PDF-1.7\nnothing", "damaged", id="broken pdf"),
        pytest.param("a.pdf", b"hello", "no PDF", id="no pdf"),
        pytest.param("a.pdf", pdf([""]), "only pictures", id="pdf without text"),
        pytest.param("a.txt", bytes(range(256)) * 40, "no text", id="binary"),
        pytest.param("a.csv", b'a,b\n"' + b"x" * 300_000, "none of a table", id="endless field"),
        pytest.param("a.md", b"x y. " * 2_000_000, "more than 8,000,000 characters", id="much"),
        pytest.param("a.txt", b" \n\n", "holds no text", id="empty"),
        pytest.param("a.exe", b"MZ", "its ending is .exe; expected one of .txt", id="kind"),
    ],
)
async def test_a_bad_document_is_refused_by_name_with_the_reason(
    name: str, data: bytes, said: str
) -> None:
    with pytest.raises(DocumentError, match=f"^{name}: .*{said}"):
        await parse(name, data)


async def test_a_pdf_that_is_a_bomb_is_given_up_within_its_limits() -> None:
    with pytest.raises(DocumentError, match=r"^bomb.pdf: it "):
        await parse("bomb.pdf", pdf_bomb(), seconds=25)


async def test_what_takes_too_long_is_killed() -> None:
    with pytest.raises(DocumentError, match="takes longer than 0"):
        await parse("a.txt", b"words", seconds=0.001)
