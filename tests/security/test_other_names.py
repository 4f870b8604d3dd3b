"""Names that a body types: nobody answers as who was not told, or does not exist, and no typed word enters a record."""

import re

import pytest

WORDS = "Yohanes Tabuni 081234567890"
"""What an operator may type where the id of a person belongs."""


async def untold(api, alert_id: str) -> str:
    """Return a person of the directory who was told nothing of the alert."""
    case = await api.siaga.desk.case(alert_id)
    told = {one.person for one in case.notifications.values()}
    people = (await api.siaga.books.directory()).contents.people
    return next(person.id for person in people if person.id not in told)


async def history(api, alert_id: str) -> str:
    return "\n".join(map(str, await api.siaga.desk.history(alert_id)))


@pytest.mark.parametrize("via", ["api", "proxy"])
@pytest.mark.parametrize("says", ["taken", "resolved", "declined"])
async def test_an_operate_token_answers_not_as_an_untold_person(api, via, says):
    """At a2f7b6b an operator's token answered as the minister, with the highest grade.

    Law: docs/specification/trust.md#proxy-answers.
    """
    alert_id = await api.open_alert()
    body = {"says": says, "via": via, "person": await untold(api, alert_id)}
    answer = await api.client.post(
        f"/v1/alerts/{alert_id}/answers", json=body, headers=await api.bearer("operate", "answer")
    )
    after = (await api.siaga.desk.case(alert_id)).alert
    assert (after.status, after.takings, after.declined) == ("open", (), ())
    assert answer.status_code in (403, 409, 422)


@pytest.mark.parametrize("via", ["api", "proxy"])
async def test_nor_as_a_person_who_does_not_exist_and_what_was_typed_is_kept_nowhere(api, via):
    alert_id = await api.open_alert()
    body = {"says": "taken", "via": via, "person": WORDS}
    answer = await api.client.post(
        f"/v1/alerts/{alert_id}/answers", json=body, headers=await api.bearer("operate", "answer")
    )
    assert answer.status_code in (409, 422)
    assert (await api.siaga.desk.case(alert_id)).alert.status == "open"
    assert WORDS not in await history(api, alert_id)


@pytest.mark.parametrize("person", [WORDS, "sekda-7315"])
async def test_nobody_who_was_not_told_was_called(api, person):
    alert_id = await api.open_alert()
    answer = await api.client.post(
        f"/v1/alerts/{alert_id}/calls",
        json={"person": person, "reached": True},
        headers=await api.bearer("operate"),
    )
    assert answer.status_code == 409, answer.text
    assert "called" not in {entry.name for entry in await api.siaga.desk.history(alert_id)}
    assert person not in await history(api, alert_id)


async def test_the_console_calls_and_answers_for_nobody_who_was_not_told(api):
    alert_id = await api.open_alert()
    await api.sign_in("operate", "read")
    page = f"/console/alerts/{alert_id}"
    answer = await api.send(page, f"{page}/answer", person=WORDS, says="taken", called="yes")
    assert answer.status_code in (200, 409, 422)
    assert (await api.siaga.desk.case(alert_id)).alert.status == "open"
    assert WORDS not in await history(api, alert_id)
    assert not re.search(WORDS, (await api.client.get(page)).text)
