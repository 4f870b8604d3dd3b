"""`siaga config`, `siaga schema` and `siaga init`: the settings in force, JSON Schemas, a starter folder."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from engine.cli.common.options import ConfigFile, Overrides
from engine.documents.address import address
from engine.documents.rules.schema import documents, schema_of
from engine.errors import ConfigurationError
from engine.settings import DEFAULT_FILE, Settings, load_with_origins, names, value_of

app = typer.Typer(no_args_is_help=True, help="Look at the settings.")


@app.command()
def show(
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
) -> None:
    """Show every setting in force and where it comes from; secrets are masked.

    Example: SIAGA_HTTP__PORT=9000 siaga config show --set log.level=debug
    """
    settings, origins = load_with_origins(config, os.environ, set_ or ())
    if as_json:
        print(settings.model_dump_json(indent=2))
        return
    width = max(len(name) for name in names())
    for name in names():
        origin = origins.get(name, "default")
        print(f"{name:<{width}} = {_text(settings, name)}  # {origin}")


def _text(settings: Settings, name: str) -> str:
    """Return a value as it could stand in the file."""
    value = value_of(settings, name)
    if value is None:
        return ""
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return msgspec.json.encode(value).decode() if isinstance(value, bool | int | float) else str(value)


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


STARTER = Path(__file__).with_name("starter")
SHIPPED = Path(__file__).resolve().parents[2]
"""Where the software lies, with its tables, templates and descriptions of gateways."""
PRIVATE = ("config/directory.yaml",)
"""Files that hold personal data: nobody else may read them."""
COPIED = ("config/adapters/kannel.yaml", "config/adapters/json.yaml")
"""Files of the software that an installation changes, as they are shipped."""
IGNORED = "# Bukan untuk disimpan bersama aturan / not to be kept beside the rules\nvar/\n*.env\nconfig/directory.*\n"
_SERVER = re.compile(r"([A-Za-z0-9.-]+|\[[0-9a-f:]+\])(?::(\d{1,5}))?", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9._@+-]*", re.ASCII)


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is empty or not there yet.")],
    smtp: Annotated[
        str, typer.Option(metavar="HOST[:PORT]", help="Your mail server; without it e-mail becomes files.")
    ] = "",
    smtp_user: Annotated[
        str, typer.Option(metavar="NAME", help="The login there; its password is never written.")
    ] = "",
    to: Annotated[
        str, typer.Option(metavar="MAILBOX", help="Your own mailbox: the two people of the starter get it.")
    ] = "",
) -> None:
    """Write a starter: commented settings, one rule and one policy with their tests, a tiny directory, gateways, desks.

    It passes `siaga check`, `siaga test` and `siaga doctor` as it is. The table of regions and the templates stay with
    the software and change with it; all else is yours. Nothing that is there is overwritten. Ends with what comes next.

    Example: siaga init /etc/siaga --smtp mail.desk.example --smtp-user siaga --to piket@desk.example
    """
    values = _values(smtp, smtp_user, to)
    if folder.is_dir() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty; name a folder of its own, nothing is overwritten")
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"{folder} is a file; name a folder")
    files = {str(path.relative_to(STARTER)): path for path in sorted(STARTER.rglob("*")) if path.is_file()}
    texts = {name: _filled(path.read_text(encoding="utf-8"), values) for name, path in files.items()}
    texts |= {name: (SHIPPED / name).read_text(encoding="utf-8") for name in COPIED}
    texts[".gitignore"] = IGNORED
    for name, text in sorted(texts.items()):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(mode=0o600 if name in PRIVATE else 0o644, exist_ok=False)
        target.write_text(text, encoding="utf-8")
        typer.echo(target)
    run = shlex.quote(str(SHIPPED / "run"))
    typer.echo("\nNext:", err=True)
    typer.echo(f"  export SIAGA_CONFIG={shlex.quote(str(folder.absolute() / 'config/siaga.yaml'))}", err=True)
    if smtp_user:
        typer.echo("  read -rs SIAGA_SMTP_PASSWORD && export SIAGA_SMTP_PASSWORD", err=True)
    typer.echo(f"  {run} siaga doctor          # what is still missing, each with its remedy", err=True)
    typer.echo(f"  {run} siaga contact test piket-posko/email/1", err=True)
    typer.echo(f"  {run} serve                 # then docs/setup.md tells how to run it for good", err=True)


def _values(smtp: str, user: str, to: str) -> dict[str, str]:
    """Return what stands in place of the marks; refuse what is no server, login or mailbox."""
    server = _SERVER.fullmatch(smtp) if smtp else None
    if smtp and (server is None or int(server[2] or 0) > 65_535):
        raise ConfigurationError(f"--smtp {smtp}: write it as mail.example or mail.example:587")
    if not _USER.fullmatch(user):
        raise ConfigurationError("--smtp-user: letters, digits and . _ @ + - alone")
    mailbox = address("email", to) if to else "piket@desk.example"
    if mailbox is None or '"' in mailbox:
        raise ConfigurationError("--to: that is no mailbox")
    return {
        "SHIPPED": str(SHIPPED),
        "SMTP_HOST": f'"{server[1].strip("[]")}"' if server else "",
        "SMTP_PORT": (server[2] if server else None) or "587",
        "SMTP_USER": f'"{user}"' if user else "",
        "SENDER": mailbox,
        "MAILBOX": mailbox,
    }


def _filled(text: str, values: dict[str, str]) -> str:
    return re.sub(r"@([A-Z_]+)@", lambda mark: values[mark[1]], text)
