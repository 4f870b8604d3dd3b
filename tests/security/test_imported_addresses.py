"""An imported directory that changes or drops a person's address: the old address is notified and may object.

Law: docs/specification/trust.md#imported-directories.
"""

import asyncio
from contextlib import AsyncExitStack

import pytest

from engine.app import open_siaga
from engine.core.alerting.alert import Notification
from engine.core.alerting.credential import Credential
from engine.people.proposal_records import MOST_CONTACTS_OF_ONE
from engine.store.codec import decode
from tests.acceptance.web.conftest import ROOT
from tests.security.test_erasure_reaches import MAILBOX, PHONE, WHO, Place, place, run

__all__ = ["place"]
NEW = "+6281100999999"
LINK = Credential("link", "m1")


async def imported(place: Place, text: str, *options: str) -> tuple[int, str]:
    """Import a directory; return the exit code and what was said."""
    file = place.var.parent / "baru.csv"
    file.write_text(text)
    code, out, err = await asyncio.to_thread(
        run, place.capsys, "directory", "import", str(file), *options, *place.options
    )
    return code, out + err


@pytest.fixture
async def before(place) -> str:
    """Return the directory that is in force once the service has begun."""
    async with AsyncExitStack() as stack:
        await open_siaga(place.settings, stack)
    text = place.settings.paths.directory.read_text()
    assert PHONE in text
    return text


async def notices(siaga) -> list[Notification]:
    found = [decode(one.value, Notification) for one in (await siaga.store.scan("notifications")).values()]
    return [one for one in found if one.kind == "contact_change" and one.person == WHO]


async def addresses(siaga) -> dict[str, str]:
    person = (await siaga.books.directory()).person(WHO)
    return {contact.id: contact.value for contact in person.contacts}


async def test_the_old_address_and_the_others_are_notified_of_an_address_that_changes_in_place(place, before):
    code, said = await imported(place, before.replace(PHONE, NEW))
    assert code == 0, said
    assert f"{WHO}/sms/1" in said
    assert PHONE not in said
    assert NEW not in said
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(place.settings, stack)
        assert {one.rendered.to for one in await notices(siaga)} == {PHONE, MAILBOX}
        assert (await addresses(siaga))[f"{WHO}/sms/1"] == NEW
        await siaga.advance(siaga.clock.now() + 60_000)
        sent = {one.rendered.to for one in await notices(siaga) if one.state == "sent"}
        assert sent == {PHONE, MAILBOX}, "it goes to the address that the directory no longer has"


async def test_an_objection_puts_the_old_address_in_the_place_of_the_new_one(place, before):
    await imported(place, before.replace(PHONE, NEW))
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(place.settings, stack)
        proposal = (await notices(siaga))[0].cause
        assert await siaga.proposals.contacts.object(proposal, LINK) == "objected"
        assert set((await addresses(siaga)).values()) == {PHONE, MAILBOX}


async def test_a_dropped_address_is_notified_and_comes_back_by_an_objection(place, before):
    code, said = await imported(place, before.replace(PHONE, ""))
    assert code == 0, said
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(place.settings, stack)
        assert {one.rendered.to for one in await notices(siaga)} == {PHONE, MAILBOX}
        proposal = (await notices(siaga))[0].cause
        assert await siaga.proposals.contacts.object(proposal, LINK) == "objected"
        assert set((await addresses(siaga)).values()) == {PHONE, MAILBOX}


async def test_a_rehearsal_names_the_contacts_and_notifies_nobody(place, before):
    code, said = await imported(place, before.replace(PHONE, NEW), "--dry-run")
    assert code == 0, said
    assert f"{WHO}/sms/1" in said
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(place.settings, stack)
        assert await notices(siaga) == []
        assert (await addresses(siaga))[f"{WHO}/sms/1"] == PHONE


async def test_more_changes_than_may_wait_are_put_in_force_only_where_somebody_says_so(place, before):
    """Nobody is left out unseen: the audit says `alone`."""
    head, *lines = [
        line for line in (ROOT / "config/directory.csv").read_text().splitlines() if not line.startswith("#")
    ]
    more = [line for line in lines if line.startswith("1")][:100]
    large = "\n".join([*before.splitlines(), *more, ""])
    assert large.count("@") > MOST_CONTACTS_OF_ONE
    assert head in large
    code, said = await imported(place, large)
    assert code == 0, said
    many = large.replace("@", "@baru.").replace("+62811", "+62812")
    code, said = await imported(place, many)
    assert code != 0
    assert "--unannounced" in said
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(place.settings, stack)
        assert (await addresses(siaga))[f"{WHO}/sms/1"] == PHONE
    code, said = await imported(place, many, "--unannounced")
    assert code == 0, said
    _, listed, _ = await asyncio.to_thread(run, place.capsys, "audit", "list", *place.options, "--json")
    directories = [line for line in listed.splitlines() if '"directory"' in line]
    assert "/alone" in directories[-1]
