"""The Jinja2 environment of messages and pages.

Here: how templates are loaded and fenced in. Not here: what they show (`wording.render`, `wording.answer_page`).
Templates are sandboxed and strict: a name they do not know is an error, never an empty place in a message.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment


class _Environment(ImmutableSandboxedEnvironment):
    """Knows that the fields of our own frozen values are safe, and nothing else of them.

    The sandbox's questions are about functions, frames and collections, and take a third of a message's time.
    """

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, msgspec.Struct) and attribute in obj.__struct_fields__:
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)


@cache
def environment(templates: Path) -> ImmutableSandboxedEnvironment:
    """Return the environment of a folder of templates; `*.html.j2` escapes all values, `*.txt.j2` none.

    A folder is read once in the life of a process.
    """
    return _Environment(
        loader=FileSystemLoader(templates),
        autoescape=lambda name: name is None or not name.endswith(".txt.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
