"""Asking for verification codes is bounded: nobody's phone, and nobody's prepaid credit, is flooded by one token.

Law: docs/specification/trust.md#verification-codes.
"""

from engine.answers.verification import PER_CONTACT, PER_CREDENTIAL

HOUR_MINUTES = 60


async def asked(api, headers, contact: str):
    return await api.client.post(f"/v1/contacts/{contact}/code", headers=headers)


async def test_a_contact_is_sent_three_codes_an_hour_whoever_asks(api):
    contact = "sekda-7315/sms/1"
    tokens = [await api.bearer("operate") for _ in range(PER_CONTACT)]
    for headers in tokens:
        assert (await asked(api, headers, contact)).status_code == 200
    refused = await asked(api, await api.bearer("operate"), contact)
    assert refused.status_code == 429, refused.text
    assert refused.json()["type"] == "urn:siaga:problem:too_many_codes"
    assert int(refused.headers["Retry-After"]) == 3_600
    await api.advance(HOUR_MINUTES)
    assert (await asked(api, tokens[0], contact)).status_code == 200


async def test_a_token_asks_for_so_many_codes_an_hour_and_then_only_others_may(api):
    one, other = await api.bearer("operate"), await api.bearer("operate")
    directory = await api.siaga.books.directory()
    contacts = [c.id for person in directory.contents.people for c in person.contacts]
    rounds = [contact for contact in contacts for _ in range(PER_CONTACT)][: PER_CREDENTIAL + 1]
    assert len(rounds) > PER_CREDENTIAL
    codes = [(await asked(api, one, contact)).status_code for contact in rounds]
    assert codes == [200] * PER_CREDENTIAL + [429]
    assert (await asked(api, other, rounds[-1])).status_code == 200


async def test_a_contact_that_is_added_beyond_the_bound_is_there_without_a_code(api):
    """The change itself has bounds of its own; its code may be asked for later."""
    headers = await api.bearer("operate")
    directory = await api.siaga.books.directory()
    contacts = [c.id for person in directory.contents.people for c in person.contacts]
    for contact in [contact for contact in contacts for _ in range(PER_CONTACT)][:PER_CREDENTIAL]:
        await asked(api, headers, contact)
    body = {"person": "sekda-7315", "channel": "sms", "value": "+628110000777"}
    made = await api.client.post("/v1/contacts", json=body, headers=headers)
    assert made.status_code == 201, made.text
    assert made.json()["asked"] == "too_many_codes"
