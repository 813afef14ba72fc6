"""Workbooks as Excel writes them."""

from collections.abc import Sequence
from datetime import date
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_DATE_STYLE = 1


def workbook(*sheets: Sequence[Sequence[object]], prolog: str = "", blanks: bool = True) -> bytes:
    """One with these sheets of rows; blanks: whether empty texts are written as cells."""
    texts, parts = dict[str, int](), dict[str, str]()
    for number, rows in enumerate(sheets, start=1):
        written = "".join(
            _row(line, row, texts, blanks) for line, row in enumerate(rows, start=1) if row
        )
        parts[f"xl/worksheets/sheet{number}.xml"] = (
            f"<?xml version='1.0'?>{prolog}<worksheet {_MAIN}><sheetData>{written}</sheetData></worksheet>"
        )
    shared = "".join(f"<si><t>{text}</t></si>" for text in texts)
    parts |= {
        "xl/workbook.xml": f"<workbook {_MAIN}><workbookPr/></workbook>",
        "xl/sharedStrings.xml": f"<sst {_MAIN}>{shared}</sst>",
        "xl/styles.xml": f"<styleSheet {_MAIN}><numFmts><numFmt numFmtId='164' formatCode='yyyy\\-mm\\-dd'/></numFmts>"
        "<cellXfs><xf numFmtId='0'/><xf numFmtId='164'/></cellXfs></styleSheet>",
    }
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def _row(line: int, row: Sequence[object], texts: dict[str, int], blanks: bool) -> str:
    cells = (
        _cell(f"{_letters(place)}{line}", value, texts)
        for place, value in enumerate(row)
        if blanks or value != ""
    )
    return f"<row r='{line}'>{''.join(cells)}</row>"


def _letters(place: int) -> str:
    return (_letters(place // 26 - 1) if place > 25 else "") + chr(ord("A") + place % 26)


def _cell(at: str, value: object, texts: dict[str, int]) -> str:
    if isinstance(value, date):
        return f"<c r='{at}' s='{_DATE_STYLE}'><v>{(value - date(1899, 12, 30)).days}</v></c>"
    if isinstance(value, str):
        return f"<c r='{at}' t='s'><v>{texts.setdefault(value, len(texts))}</v></c>"
    return f"<c r='{at}'><v>{value!r}</v></c>"
