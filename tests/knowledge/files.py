"""Small PDF and Word files, written byte by byte."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
STYLES = f"""<w:styles xmlns:w="{W}">
<w:style w:styleId="T"><w:name w:val="Title"/></w:style>
<w:style w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style></w:styles>"""


def paragraph(text: str, style: str = "") -> str:
    """One paragraph of a Word document, in two runs."""
    kind = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    half = len(text) // 2
    runs = "".join(
        f'<w:r><w:t xml:space="preserve">{part}</w:t></w:r>' for part in (text[:half], text[half:])
    )
    return f"<w:p>{kind}{runs}</w:p>"


def row(*cells: str) -> str:
    """One row of a table."""
    return "<w:tr>" + "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in cells) + "</w:tr>"


def docx(body: str = "") -> bytes:
    """A Word document; without a body, one with headings and a table."""
    body = body or (
        paragraph("Warranty", "T")
        + paragraph("Two years on all kettles.")
        + paragraph("Repairs", "berschrift2")
        + paragraph("Send it in. We mend it.")
        + "<w:tbl>"
        + row("Part", "Price")
        + row("Lid", "4 euros")
        + "</w:tbl>"
    )
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        text = f'<w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>'
        packed.writestr("word/document.xml", text)
        packed.writestr("word/styles.xml", STYLES)
    return held.getvalue()


def pdf(pages: Sequence[str], *, content: bytes | None = None, filters: str = "") -> bytes:
    """A PDF with a line of text on each page, or with that content on every one."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    kids = []
    for text in pages:
        lines = text.split("\n")
        drawn = " T* ".join(f"({line}) Tj" for line in lines)
        stream = content or f"BT /F1 12 Tf 14 TL 72 720 Td {drawn} ET".encode("latin-1")
        packing = f" /Filter {filters}" if filters else ""
        kids.append(f"{len(objects) + 2} 0 R")
        objects.append(
            f"<< /Length {len(stream)}{packing} >>\nstream\n".encode() + stream + b"\nendstream"
        )
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R"
            b" >> >> /Contents %d 0 R >>" % (len(objects))
        )
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>".encode()
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, one in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + one + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)
