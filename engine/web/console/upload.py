"""Reporting by a sheet: CSV or XLSX, row by row.

Here: the routes, and the sheet of what needs correcting on its way back. Not here: reading sheets
(`documents.sheets.event_sheet`) and what becomes of a row (`intake.event_forms`).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from starlette.datastructures import UploadFile
from starlette.responses import Response

from engine.documents.finding import Language
from engine.documents.sheets.event_columns import CellFault
from engine.documents.sheets.event_sheet import template
from engine.documents.sheets.sheet import LARGEST_BYTES, NotASheet
from engine.intake.event_forms import Uploaded
from engine.intake.form_input import Faulty
from engine.web.console.current_user import CurrentUser, visitor
from engine.web.console.page_renderer import REPORT, shell_of
from engine.web.console.report_form import forms_of, spoken
from engine.web.console.routing import pages

router = pages()
PATH = REPORT + "/berkas"
BODY_BYTES = LARGEST_BYTES + 65_536
"""A file and the rest of its form."""
MOST_SHOWN = 200
"""Rows whose mistakes are shown; the sheet to correct has them all."""


@router.get(PATH)
async def upload_page(visit: CurrentUser = visitor("submit")) -> Response:
    """Show the form of the upload."""
    return _page(visit)


@router.get(PATH + "/templat.csv")
async def template_file(visit: CurrentUser = visitor("submit")) -> Response:
    """Give the empty sheet."""
    headers = {"Content-Disposition": 'attachment; filename="laporan.csv"'}
    return Response(template(spoken(visit)), 200, headers, "text/csv; charset=utf-8")


@router.post(PATH)
async def upload(visit: CurrentUser = visitor("submit")) -> Response:
    """Take in the rows that are right, or only check them; say of each other what is wrong."""
    file = visit.form.get("file")
    data = await file.read() if isinstance(file, UploadFile) else b""
    if not data:
        return _page(visit, fault=CellFault(code="file_empty"))
    try:
        uploaded = await forms_of(visit.request).reporting.upload(
            data, visit.scope, spoken(visit), send=visit.text("do") == "send"
        )
    except NotASheet as wrong:
        return _page(visit, fault=CellFault(code=wrong.reason, facts=wrong.facts))
    return _page(visit, uploaded=uploaded)


def _page(
    visit: CurrentUser, *, uploaded: Uploaded | None = None, fault: CellFault | None = None
) -> Response:
    language = spoken(visit)
    return shell_of(visit.request).page(
        visit.request,
        "upload.html.j2",
        visit=visit,
        status=422 if fault else 200,
        uploaded=uploaded,
        sent=visit.text("do") == "send",
        fault=fault.sentences(language) if fault else "",
        faulty=_said(uploaded.faulty, language) if uploaded else (),
        kept=_said(uploaded.kept, language) if uploaded else (),
        refused=_said(uploaded.refused, language) if uploaded else (),
        to_correct=base64.b64encode(uploaded.to_correct).decode() if uploaded else "",
    )


def _said(rows: Sequence[Faulty], language: Language) -> list[tuple[int, list[str]]]:
    return [(row.row, [fault.sentences(language) for fault in row.faults]) for row in rows[:MOST_SHOWN]]
