"""The command `siaga`: one module per group of commands; those of policy staff lie in `policy_staff`."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from engine.cli import (
    archive,
    audit,
    case,
    config,
    contact,
    directory,
    doctor,
    key,
    person,
    quarantine,
    records,
    token,
    user,
)
from engine.cli.backup import backup, backup_key, restore
from engine.cli.bounce import bounce
from engine.cli.config import init, schema
from engine.cli.demo import demo
from engine.cli.drill import drill
from engine.cli.policy_staff import explain, policy, proposals, rules, templates
from engine.cli.policy_staff.backtest import backtest
from engine.cli.policy_staff.check import check
from engine.cli.policy_staff.reload import reload
from engine.cli.policy_staff.replay import replay
from engine.cli.policy_staff.test import test
from engine.cli.report import report
from engine.cli.run import run
from engine.cli.send import send
from engine.cli.status import status
from engine.errors import ConfigurationError, SiagaError
from engine.release import RELEASE, commit
from engine.runtime import logging
from engine.settings import Log

FAILED, WRONG, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"Siaga {RELEASE}, commit {commit()}, Python {platform.python_version()}")
        raise typer.Exit


@app.callback()
def siaga(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False,
    version: Annotated[  # noqa: ARG001 -- its callback reads it
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say which Siaga this is, and end."),
    ] = False,
) -> None:
    """Siaga: rules judge what election desks report; the right official is told until somebody has taken the matter.

    Begin with `siaga demo`. Each command teaches itself: `siaga token create --help`.
    """
    # Standard output is the command's own; `run` sets up what the settings say.
    logging.set_up(Log(level="debug" if debug else "warning"))


app.command()(run)
app.command()(reload)
app.command()(replay)
app.command()(schema)
app.command()(bounce)
app.command()(init)
app.command()(backup)
app.command("backup-key")(backup_key)
app.command()(restore)
app.command()(status)
app.command()(send)
app.command()(report)
app.command()(demo)
app.command()(drill)
app.command()(check)
app.command()(test)
app.command()(backtest)
app.add_typer(archive.app, name="archive")
app.add_typer(config.app, name="config")
app.add_typer(token.app, name="token")
app.add_typer(user.app, name="user")
app.add_typer(key.app, name="key")
app.add_typer(directory.app, name="directory")
app.add_typer(contact.app, name="contact")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(records.app, name="records")
app.add_typer(doctor.app, name="doctor")
app.add_typer(templates.app, name="templates")
app.add_typer(explain.app, name="explain")
app.add_typer(rules.app, name="rules")
app.add_typer(policy.app, name="policy")
app.add_typer(proposals.app, name="proposals")
app.add_typer(audit.app, name="audit")
app.add_typer(case.app, name="case")
app.add_typer(person.app, name="person")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit: 0 fine, 1 it did not work or found something, 2 it was used wrongly."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.exit(app(given, prog_name="siaga", standalone_mode=False) or 0)
    except TyperException as error:
        if text := error.format_message():  # empty where the help was shown instead
            _say(text)
        sys.exit(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(FAILED)
    except (SiagaError, OSError) as error:
        if "--debug" in given:
            raise
        _say(str(error))
        sys.exit(WRONG if isinstance(error, ConfigurationError) else FAILED)
    except Exception as error:
        if "--debug" in given:
            raise
        _say(f"unexpected {type(error).__name__}; `siaga --debug ...` shows where")
        sys.exit(FAILED)


def _say(text: str) -> None:
    print(f"siaga: {text}", file=sys.stderr)
