"""`siaga schema`: JSON Schema of rule files, policies and their tests, for editors.

Here: arguments and writing. Not here: the schemas themselves (`documents.rules.schema`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from engine.documents.rules.schema import documents, schema_of
from engine.errors import ConfigurationError


def schema(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[rules|test|policy|policy-test]", help="Which files; all where none is named."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write NAME.schema.json files into this folder.")
    ] = None,
) -> None:
    """Print the form of the files that policy staff write as JSON Schema, or write it where editors find it.

    A rule file names it in its first line: `# yaml-language-server: $schema=../docs/schema/rules.schema.json`.

    Example: siaga schema --out docs/schema
    """
    if what is not None and what not in documents():
        raise ConfigurationError(f"there is no schema {what}; there are: {', '.join(documents())}")
    names = documents() if what is None else (what,)
    if out is None:
        if what is None:
            raise ConfigurationError("name one schema, or a folder with --out")
        typer.echo(text_of(what), nl=False)
        return
    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        file = out / f"{name}.schema.json"
        file.write_text(text_of(name), encoding="utf-8")
        typer.echo(str(file))


def text_of(name: str) -> str:
    """Return a schema as it stands in its file."""
    return msgspec.json.format(msgspec.json.encode(schema_of(name)), indent=1).decode() + "\n"
