"""CSV with line and column of every value.

Here: from a CSV file with a header to marked rows, each like a YAML map. Not here: what the columns mean.
Lines that begin with `#` are comments. An empty cell is a key that is not there.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.documents.finding import Findings, Mark, SourceFile, at_start
from engine.documents.yaml_tree import MappingNode, Node, ScalarNode


def read_table(
    path: Path, required: Sequence[str], optional: Sequence[str] | None, findings: Findings, limit: int
) -> list[MappingNode]:
    """Read the rows of a CSV file of at most `limit` bytes; its lines are never quoted in findings.

    Where `optional` is None any column may stand beside the required ones.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        findings.add("file_unreadable", at_start(path), reason=error.strerror or "")
        return []
    if len(data) > limit:
        findings.add("file_too_large", at_start(path), limit=f"{limit // 1024} KiB")
        return []
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        findings.add("not_utf8", Mark(SourceFile(str(path)), line))
        return []
    known = None if optional is None else (*required, *optional)
    return list(_rows(text, SourceFile(str(path)), (*required,), known, findings))


def _rows(
    text: str,
    source: SourceFile,
    required: tuple[str, ...],
    known: tuple[str, ...] | None,
    findings: Findings,
) -> Iterator[MappingNode]:
    header: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = _cells(line, Mark(source, number), findings)
        if cells is None:
            continue
        if not header:
            header = [cell.text for cell in cells]
            for cell in cells:
                if known is not None and cell.text not in known:
                    findings.add_choice("unknown_key", cell.mark, cell.text, known)
            for column in required:
                if column not in header:
                    findings.add("csv_columns", Mark(source, number), word=column, columns=",".join(required))
        elif len(cells) != len(header):
            findings.add("csv_row", Mark(source, number))
        else:
            named = zip(header, cells, strict=True)
            filled: dict[str, tuple[ScalarNode, Node]] = {
                name: (ScalarNode(name, plain=True, mark=cell.mark), cell)
                for name, cell in named
                if cell.text
            }
            yield MappingNode(filled, Mark(source, number))
    if not header:
        findings.add("file_empty", Mark(source))


def _cells(line: str, mark: Mark, findings: Findings) -> list[ScalarNode] | None:
    """Split one line; a value may not run over several lines. Columns are exact unless a quote stands before them."""
    try:
        (texts,) = csv.reader([line], strict=True)
    except (csv.Error, ValueError):
        findings.add("csv_row", mark)
        return None
    cells, column = [], 1
    for text in texts:
        cells.append(ScalarNode(text.strip(), plain=False, mark=Mark(mark.source, mark.line, column)))
        column += len(text) + 1
    return cells
