"""Contacts over the API: one that was added gets nothing of alerts until its code came back."""

import re

NEW = "+628119990001"
WHO = "sekda-9402"


async def add(api, **changes):
    body = {"person": await holder(api), "channel": "sms", "value": NEW} | changes
    return await api.client.post("/v1/contacts", json=body, headers=await api.bearer("operate"))


async def holder(api) -> str:
    """Return who is Sekda of Kab. Puncak Jaya."""
    return (await api.siaga.books.directory()).holder("94.02", "sekda", api.siaga.clock.now())


async def code_sent(api) -> str:
    """Return the code that went out to the new phone, as its owner reads it."""
    files = sorted(
        (api.siaga.settings.paths.var / "outbox").iterdir(), key=lambda file: file.stat().st_mtime_ns
    )
    text = next(file.read_text() for file in reversed(files) if NEW in file.read_text())
    return re.search(r"\b[0-9]{6}\b", text)[0]


async def test_a_contact_counts_once_its_code_came_back_and_another_person_approved(api):
    await api.user("piket-dua", "operate")
    made = await add(api)
    assert made.status_code == 201, made.text
    contact = made.json()
    assert (contact["verified"], contact["asked"]) == (False, "sent")
    assert NEW not in made.text
    path = f"/v1/contacts/{contact['id']}/verification"
    headers = await api.bearer("operate", region="94")
    wrong = await api.client.post(path, json={"code": "A2AA"}, headers=headers)
    assert (wrong.status_code, wrong.json()["type"].rpartition(":")[2]) == (422, "wrong_code")
    right = await api.client.post(path, json={"code": await code_sent(api)}, headers=headers)
    waits = right.json()
    assert (waits["verified"], waits["waits_for"]) == (False, ["piket-dua"])
    assert not (await api.siaga.books.directory()).contact(contact["id"]).verified
    approve = f"/v1/proposals/{waits['proposal']}/approve"
    brought = await api.client.post(approve, json={"compared_with": ""}, headers=headers)
    assert (brought.status_code, brought.json()["type"].rpartition(":")[2]) == (409, "one_person")
    other = await api.bearer("operate", region="94", person="sekda-94")
    done = await api.client.post(approve, json={"compared_with": ""}, headers=other)
    assert (done.status_code, done.json()["state"]) == (200, "approved")
    assert (await api.siaga.books.directory()).contact(contact["id"]).verified
    again = await api.client.post(path, json={"code": "A2AA"}, headers=headers)
    assert again.status_code == 409


async def test_what_is_no_address_whose_person_is_unknown_or_elsewhere_is_refused(api):
    assert (await add(api, value="0811")).status_code == 422
    assert (await add(api, person="siapa")).status_code == 404
    body = {"person": await holder(api), "channel": "sms", "value": NEW}
    elsewhere = await api.bearer("operate", region="73")
    assert (await api.client.post("/v1/contacts", json=body, headers=elsewhere)).status_code == 403
    reader = await api.bearer("read")
    assert (await api.client.post("/v1/contacts", json=body, headers=reader)).status_code == 403


async def test_a_contact_goes_unless_an_alert_would_have_nobody(api):
    contact = (await add(api)).json()["id"]
    await api.open_alert()
    gone = await api.client.delete(f"/v1/contacts/{contact}", headers=await api.bearer("operate"))
    assert gone.status_code == 200
    assert (await api.siaga.books.directory()).contact(contact) is None
    unknown = await api.client.delete(f"/v1/contacts/{contact}", headers=await api.bearer("operate"))
    assert unknown.status_code == 404


async def test_stop_is_told_to_the_posko_of_the_region(api):
    who = (await api.siaga.books.directory()).person(await holder(api))
    phone = next(contact for contact in who.contacts if contact.channel == "sms")
    await api.siaga.inbound.hear(phone.value, "STOP")
    await api.advance(minutes=1)
    (alert,) = await api.siaga.desk.alerts()
    assert (alert.rule.id, alert.region) == ("siaga.contact", "94.02")
    case = await api.siaga.desk.case(alert.id)
    assert {(n.role, n.office) for n in case.notifications.values()} == {("posko", "94.02")}


async def test_the_last_working_contact_of_an_office_holder_goes_by_two_people(api):
    who = await holder(api)
    headers = await api.bearer("operate")
    while len(left := (await api.siaga.books.directory()).person(who).reachable) > 1:
        gone = await api.client.delete(f"/v1/contacts/{left[-1].id}", headers=headers)
        assert (gone.status_code, gone.json()["proposal"]) == (200, "")
    waits = (await api.client.delete(f"/v1/contacts/{left[0].id}", headers=headers)).json()
    assert waits["proposal"]
    assert (await api.siaga.books.directory()).person(who).reachable == left
    path = f"/v1/proposals/{waits['proposal']}"
    rejected = await api.client.post(
        f"{path}/reject", json={"reason": "masih dipakai"}, headers=await api.bearer("operate")
    )
    assert rejected.json()["state"] == "rejected"
    again = (await api.client.delete(f"/v1/contacts/{left[0].id}", headers=headers)).json()
    approve = f"/v1/proposals/{again['proposal']}/approve"
    other = await api.bearer("operate", person="sekda-94")
    done = await api.client.post(approve, json={"compared_with": ""}, headers=other)
    assert done.status_code == 200, done.text
    assert (await api.siaga.books.directory()).contact(left[0].id) is None


async def test_a_contact_that_got_another_address_meanwhile_is_not_approved(api):
    contact = (await add(api)).json()["id"]
    headers = await api.bearer("operate")
    path = f"/v1/contacts/{contact}"
    waits = await api.client.post(
        f"{path}/verification", json={"code": await code_sent(api)}, headers=headers
    )
    await api.client.delete(path, headers=headers)
    assert (await add(api, value="+628119990002")).json()["id"] == contact
    done = await api.client.post(
        f"/v1/proposals/{waits.json()['proposal']}/approve",
        json={"compared_with": ""},
        headers=await api.bearer("operate", person="sekda-94"),
    )
    assert (done.status_code, done.json()["type"].rpartition(":")[2]) == (409, "over")
    assert not (await api.siaga.books.directory()).contact(contact).verified
