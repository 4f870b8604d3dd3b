"""A workbook as spreadsheets write it, as far as a test needs one: from cells, or from XML that none would write."""

import io
import zipfile
from xml.sax.saxutils import escape

_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def parts(sheet_data: str) -> dict[str, str]:
    """Return the parts of a workbook with one sheet of this XML."""
    return {
        "[Content_Types].xml": f'<Types xmlns="{_TYPES}"><Default Extension="rels" ContentType="application/vnd.'
        'openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="A" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" '
        f'Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/>'
        '<xf numFmtId="20"/></cellXfs></styleSheet>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_MAIN}"><sheetData>{sheet_data}</sheetData></worksheet>',
    }


def packed(content: dict[str, str | bytes]) -> bytes:
    """Return an archive of these parts."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    return data.getvalue()


def workbook(sheet_data: str) -> bytes:
    """Return a workbook whose sheet is this XML."""
    return packed(parts(sheet_data))


def filled(rows: list[list[object]], *, first: int = 1) -> bytes:
    """Return a workbook of these cells: texts, numbers, and (`style`, number) for dates and times."""
    written = []
    for number, cells in enumerate(rows, start=first):
        line = "".join(_cell(f"{chr(65 + place)}{number}", cell) for place, cell in enumerate(cells))
        written.append(f'<row r="{number}">{line}</row>')
    return workbook("".join(written))


DATE, TIME = 1, 2


def _cell(place: str, cell: object) -> str:
    if cell in ("", None):
        return ""
    if isinstance(cell, tuple):
        return f'<c r="{place}" s="{cell[0]}"><v>{cell[1]}</v></c>'
    if isinstance(cell, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
    return f'<c r="{place}"><v>{cell}</v></c>'
