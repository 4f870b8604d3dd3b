"""`siaga contact`: does a message reach this contact, and whose is it?

Here: arguments and printing. Not here: the message (`texts.preview`), its way (`delivery.dispatcher`), the code that it
carries (`answers.verification`), and whether a contact may go (`people.directory_service`).
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from functools import partial
from typing import Annotated

import typer

from engine.answers.verification import Verifications
from engine.cli.common.options import ConfigFile, Overrides, credential_alone, os_account, settings_of
from engine.cli.common.storage import books_of, contact_changes_of, storage
from engine.cli.policy_staff.reload import inbox_of
from engine.clock import WallClock
from engine.core.alerting.command import Attempted
from engine.core.alerting.directory import Contact, Contents, added, marked, removed
from engine.core.alerting.escalation import last_of_holder
from engine.core.alerting.policy import Channel
from engine.documents.address import address
from engine.errors import ConfigurationError, SiagaError
from engine.people.directory_service import DirectoryService
from engine.records.runtime_config import RuntimeConfig
from engine.runtime.keys import agreed_keys
from engine.settings import DEFAULT_FILE, Settings

app = typer.Typer(no_args_is_help=True, help="Add, verify and try contacts of the directory.")
NOTHING = "nothing is in force yet: start the service once"
ContactId = Annotated[
    str, typer.Argument(metavar="CONTACT", help="Person, channel and number, such as sekda-7315/sms/1.")
]


@app.callback()
def contact() -> None:
    """Add, verify and try contacts of the directory."""


@app.command("test")
def try_(contact: ContactId, config: ConfigFile = DEFAULT_FILE, set_: Overrides = None) -> None:
    """Send one message that asks nothing to a contact of the directory, by the way that alerts take.

    Prints which gateway took it and its name there, or why none did (exit code 1). The person tells whether it came.

    Example: siaga contact test sekda-7315/sms/1
    """
    typer.echo(asyncio.run(_send(settings_of(config, set_), contact)))


@app.command()
def add(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="The id of the person in the directory.")],
    channel: Annotated[Channel, typer.Argument(metavar="CHANNEL", help="sms, email or webhook.")],
    value: Annotated[
        str,
        typer.Argument(metavar="ADDRESS", help="Number with +, mailbox, or https address. `-`: asked for."),
    ],
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Add a contact, last in order, send a code there, and notify the person's other contacts.

    It counts once its code came back and none of the others objected in time (contacts.objection_hours), or another
    person approved. With `reload.four_eyes: false` nobody is notified and the code suffices.

    The code comes back by an answer to the SMS where the route is two-way, else by `siaga contact verify`.

    Example: siaga contact add sekda-7315 sms -
    """
    given = typer.prompt(f"{channel}", hide_input=False) if value == "-" else value
    normal = address(channel, given)
    if normal is None:
        raise ConfigurationError(f"that is no address of the channel {channel}")
    typer.echo(asyncio.run(_add(settings_of(config, set_), person, channel, normal)))


@app.command()
def ask(contact: ContactId, config: ConfigFile = DEFAULT_FILE, set_: Overrides = None) -> None:
    """Send a new code to a contact; the one before counts no more.

    Example: siaga contact ask sekda-7315/sms/2
    """
    typer.echo(asyncio.run(_send(settings_of(config, set_), contact, verify=True)))


@app.command()
def verify(
    contact: ContactId,
    code: Annotated[str, typer.Argument(metavar="CODE", help="As the person reads it out.")],
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Bring back the code that was sent to a contact: it counts unless another contact objects, or by approval.

    With `reload.four_eyes: false` they go there from now on, and the audit says `alone`.

    Example: siaga contact verify sekda-7315/sms/2 407215
    """
    typer.echo(asyncio.run(_verify(settings_of(config, set_), contact, code.upper().replace(" ", ""))))


@app.command()
def stop(contact: ContactId, config: ConfigFile = DEFAULT_FILE, set_: Overrides = None) -> None:
    """Confirm that a contact gets no more messages, awas included: its owner said so to the duty desk.

    STOP by SMS does less: without a code it asks for a call, with a code awas still goes there. A code that comes back
    (`siaga contact ask`) makes the contact count again.

    Example: siaga contact stop sekda-7315/sms/1
    """
    asyncio.run(_stop(settings_of(config, set_), contact))
    typer.echo(f"{contact}: gets nothing more")


@app.command()
def remove(contact: ContactId, config: ConfigFile = DEFAULT_FILE, set_: Overrides = None) -> None:
    """Take a contact away. Refused where an unresolved alert would have nobody left whom it could tell.

    The last working contact of an office holder goes once another person approved it (`reload.four_eyes`).

    Example: siaga contact remove sekda-7315/sms/2
    """
    typer.echo(asyncio.run(_remove(settings_of(config, set_), contact)))


async def _send(settings: Settings, contact: str, *, verify: bool = False) -> str:
    from engine.app import open_siaga

    async with AsyncExitStack() as stack:
        siaga = await open_siaga(settings, stack)
        return _told(contact, await siaga.trials.send(contact, verify=verify, by=os_account()))


async def _add(settings: Settings, person: str, channel: Channel, value: str) -> str:
    made: list[Contact] = []

    def change(contents: Contents) -> Contents:
        changed, contact = added(contents, person, channel, value)
        made[:] = [contact]
        return changed

    async with storage(settings) as store:
        books = books_of(settings, store)
        if (await books.directory()).person(person) is None:
            raise SiagaError(f"{person}: there is no such person; `siaga directory export` writes them all")
        if settings.reload.four_eyes:
            contacts = await contact_changes_of(settings, store)
            made = [await contacts.add(person, channel, value, os_account())]
        else:
            await DirectoryService(store, books).amend(change, WallClock().now(), os_account())
    try:
        return await _send(settings, made[0].id, verify=True)
    except SiagaError as error:
        raise SiagaError(f"added, but no code went out; `siaga contact ask {made[0].id}`: {error}") from error


async def _verify(settings: Settings, contact: str, code: str) -> str:
    async with storage(settings) as store:
        books = books_of(settings, store)
        keys = await agreed_keys(store, settings.key_file, os.environ)
        four_eyes = settings.reload.four_eyes
        proposals = (await inbox_of(settings, store, NOTHING)).proposals if four_eyes else None
        verifications = Verifications(store, books, keys, proposals)
        by = os_account() if four_eyes else credential_alone(os_account())
        outcome = await verifications.hear(await _found(books, contact), code, WallClock().now(), by)
    if outcome == "waits":
        return (
            f"{contact}: the code is right; it counts unless another contact objects in time, or once another person "
            "approved it (siaga proposals list)"
        )
    if outcome != "verified":
        hint = {
            "not_asked": "no code counts for it any more: siaga contact ask",
            "too_many_tries": "too many wrong codes came within the hour; try again later",
        }.get(outcome, "wrong code")
        raise SiagaError(f"{contact}: {hint}")
    return f"{contact}: verified"


async def _remove(settings: Settings, contact: str) -> str:
    async with storage(settings) as store:
        books = books_of(settings, store)
        found, by = await _found(books, contact), os_account()
        last = last_of_holder(await books.directory(), found, WallClock().now())
        if last and settings.reload.four_eyes:
            contacts = await contact_changes_of(settings, store)
            made = await contacts.propose_removal(found, by)
            if made is None:
                raise _unknown(contact)
            return f"{contact}: waits for another person: siaga proposals show {made.id}"
        if settings.reload.four_eyes:
            contacts = await contact_changes_of(settings, store)
            await contacts.take_away(found, "removed", by)
            return f"{contact}: removed; an objection brings it back until the change is final"
        change = partial(removed, contact_id=contact)
        await DirectoryService(store, books).amend(
            change, WallClock().now(), credential_alone(by) if last else by
        )
        return f"{contact}: removed"


async def _stop(settings: Settings, contact: str) -> None:
    async with storage(settings) as store:
        books = books_of(settings, store)
        found = await _found(books, contact)
        if settings.reload.four_eyes:
            contacts = await contact_changes_of(settings, store)
            await contacts.take_away(found, "stopped", os_account())
            return
        change = partial(marked, contacts={contact}, verified=False)
        await DirectoryService(store, books).amend(change, WallClock().now(), os_account())


async def _found(books: RuntimeConfig, contact: str) -> Contact:
    found = (await books.directory()).contact(contact)
    if found is None:
        raise _unknown(contact)
    return found


def _told(contact: str, outcome: Attempted | None) -> str:
    if outcome is None:
        raise _unknown(contact)
    if outcome.outcome != "sent":
        raise SiagaError(f"{contact}: {outcome.gateway or 'no gateway'}: {outcome.reason}")
    return f"{contact}: {outcome.gateway} took it as {outcome.reference}"


def _unknown(contact: str) -> SiagaError:
    return SiagaError(f"{contact}: there is no such contact; `siaga directory export` writes them all")
