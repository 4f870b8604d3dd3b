"""Links whose person or contact is gone: who finds the phone afterwards answers for nobody."""

from msgspec.structs import replace

from engine.core.alerting.directory import Contents, removed
from engine.operations.personal_data import PersonalData
from engine.people.directory_service import DirectoryService
from engine.texts.answer_link_token import token_for
from tests.credentials import OPERATOR


async def told(api, alert_id: str):
    """Return a message that went out to somebody who may act, and the path of its link."""
    case = await api.siaga.desk.case(alert_id)
    message = next(n for n in case.notifications.values() if n.state == "sent" and not n.informing)
    return message, f"/a/{token_for(api._key, message.id, message.channel)}"


async def answered(api, alert_id: str, path: str) -> tuple[int, int, str]:
    shown = await api.client.get(path)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    said = await api.client.post(path, content="says=taken", headers=form)
    return shown.status_code, said.status_code, (await api.siaga.desk.case(alert_id)).alert.status


async def test_after_an_erasure_the_link_of_the_erased_leads_nowhere(api):
    alert_id = await api.open_alert()
    message, path = await told(api, alert_id)
    now = api.siaga.clock.now()
    await PersonalData(api.siaga.store, api.siaga.books).erase(message.person, now, OPERATOR)
    assert await answered(api, alert_id, path) == (404, 404, "open")


async def test_after_its_contact_was_taken_away_a_link_leads_nowhere(api):
    """A phone that was lost: its owner has another one by now."""
    alert_id = await api.open_alert()
    message, path = await told(api, alert_id)
    assert (await api.client.get(path)).status_code == 200
    registry = DirectoryService(api.siaga.store, api.siaga.books)
    await registry.amend(lambda contents: removed(contents, message.contact), api.siaga.clock.now(), OPERATOR)
    assert await answered(api, alert_id, path) == (404, 404, "open")


async def test_after_an_import_that_gave_the_contact_another_address_a_link_leads_nowhere(api):
    """The new phone has the place, and so the id, of the lost one."""
    alert_id = await api.open_alert()
    message, path = await told(api, alert_id)

    def moved(contents: Contents) -> Contents:
        people = tuple(
            replace(
                person,
                contacts=tuple(
                    replace(c, value="+6281100009999") if c.id == message.contact else c
                    for c in person.contacts
                ),
            )
            for person in contents.people
        )
        return replace(contents, people=people)

    await DirectoryService(api.siaga.store, api.siaga.books).amend(moved, api.siaga.clock.now(), OPERATOR)
    assert await answered(api, alert_id, path) == (404, 404, "open")


async def test_a_contact_that_asked_for_no_more_messages_still_answers_what_it_got(api):
    """STOP is a wish about what comes, not a loss of the phone."""
    alert_id = await api.open_alert()
    message, path = await told(api, alert_id)
    contact = f"/v1/contacts/{message.contact}/stop"
    await api.client.post(contact, headers=await api.bearer("operate"))
    assert (await answered(api, alert_id, path))[:2] == (200, 200)
