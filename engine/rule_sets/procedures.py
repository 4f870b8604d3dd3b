"""The procedures of an installation: the files that rules name as their `guide`.

Here: finding and reading them. Not here: how they look on a page (`texts.answer_page`). A file is read when it is
looked at, so that a corrected one shows at once, without a reload.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

LONGEST_BYTES = 12_000
"""A longer file is a book and no help at night: messages and pages name it, and pages do not show it."""
SUFFIX = ".md"


class Procedures:
    """Reads procedures from one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def text(self, guide: str) -> str:
        """Return the text of a procedure; empty where a rule names no Markdown file of the folder, or a long one."""
        return await asyncio.to_thread(self._text, guide) if guide.endswith(SUFFIX) else ""

    def _text(self, guide: str) -> str:
        folder = self._folder.resolve()
        try:
            path = (folder / guide).resolve()
            if not path.is_relative_to(folder) or path.stat().st_size > LONGEST_BYTES:
                return ""
            return path.read_text(encoding="utf-8", errors="replace")
        except (OSError, ValueError):  # it is gone, or no name that a file can have; its name is still told
            return ""
