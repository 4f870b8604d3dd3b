"""Alerts over the API: the list with its filters and pages, one alert, its history, answers."""

import pytest


@pytest.fixture
async def reader(api) -> dict[str, str]:
    return await api.bearer("read")


async def three_alerts(api) -> None:
    """Open an alert in 94.02 at noon, one in 73.15 an hour later, and resolve neither."""
    await api.open_alert()
    await api.advance(minutes=60)
    later = "2024-11-27T13:00:00+09:00"
    await api.open_alert(id="E2", region="73.15", source={"desk": "73.15"}, occurred_at=later)
    await api.open_alert(
        id="E3", region="94.02", kind="disaster.flood", metrics={"tps": 6}, occurred_at=later
    )


async def listed(api, headers: dict[str, str], **query: object) -> list[str]:
    answer = await api.client.get("/v1/alerts", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return [f"{alert['region']} {alert['rule']}" for alert in answer.json()["alerts"]]


CLASH = "94.02 kekerasan-luka"


async def test_the_newest_comes_first(api, reader):
    await three_alerts(api)
    found = await listed(api, reader)
    assert len(found) == 3
    assert found[-1].startswith("94.02 kekerasan")


@pytest.mark.parametrize(
    ("query", "regions"),
    [
        ({"region": "73"}, ["73.15"]),
        ({"region": "94"}, ["94.02", "94.02"]),
        ({"region": "9"}, None),
        ({"region": "94.0"}, None),
        ({"level": "siaga"}, ["94.02"]),
        ({"level": "awas"}, ["73.15", "94.02"]),
        ({"level": "awas", "region": "94.02"}, ["94.02"]),
        ({"status": "open"}, ["73.15", "94.02", "94.02"]),
        ({"status": "resolved"}, []),
        ({"rule": "bencana-tps"}, ["94.02"]),
        ({"rule": "there-is-none"}, []),
        ({"status": "firing"}, None),
        ({"level": "4"}, None),
        ({"limit": "0"}, None),
        ({"limit": "501"}, None),
        ({"cursor": "nonsense"}, None),
    ],
)
async def test_filters(api, reader, query: dict[str, str], regions: list[str] | None):
    """None: the question itself is wrong, and the problem does not repeat it."""
    await three_alerts(api)
    answer = await api.client.get("/v1/alerts", params=query, headers=reader)
    if regions is None:
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        assert "nonsense" not in answer.text
    else:
        assert sorted(alert["region"] for alert in answer.json()["alerts"]) == regions


async def test_pages_follow_each_other(api, reader):
    await three_alerts(api)
    shown, cursor = [], None
    while True:
        query = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = (await api.client.get("/v1/alerts", params=query, headers=reader)).json()
        shown += [alert["id"] for alert in page["alerts"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    whole = (await api.client.get("/v1/alerts", headers=reader)).json()
    assert shown == [alert["id"] for alert in whole["alerts"]]
    assert whole["next_cursor"] is None


async def test_a_token_lists_only_its_region(api):
    await three_alerts(api)
    assert {line[:5] for line in await listed(api, await api.bearer("read", region="94"))} == {"94.02"}


async def test_an_alert_shows_evidence_steps_and_notifications_but_no_address(api, reader):
    alert_id = await api.open_alert()
    answer = await api.client.get(f"/v1/alerts/{alert_id}", headers=reader)
    alert = answer.json()
    assert (alert["level"], alert["status"], alert["step"], alert["round"]) == ("awas", "open", 1, 1)
    assert alert["happened_at"] == "2024-11-27T03:00:00+00:00"
    assert [(e["desk"], e["id"], e["level"]) for e in alert["evidence"]] == [("94.02", "E1", "awas")]
    assert alert["runs"][0]["recipients"]
    assert {n["state"] for n in alert["notifications"]} == {"sent"}
    assert {n["person"] for n in alert["notifications"]} >= set(alert["runs"][0]["recipients"])
    leaks = ("@", "+62", "Tabuni", "0812", "/a/", "{{token}}")
    assert [leak for leak in leaks if leak in answer.text] == []


async def test_the_history_is_a_chain(api, reader):
    alert_id = await api.open_alert()
    answer = await api.client.get(f"/v1/alerts/{alert_id}/history", headers=reader)
    entries = answer.json()["entries"]
    assert entries[0]["name"] == "opened"
    assert [entry["number"] for entry in entries] == list(range(1, len(entries) + 1))
    assert [entry["before"] for entry in entries] == ["", *(entry["digest"] for entry in entries[:-1])]


@pytest.mark.parametrize("path", ["/v1/alerts/nothing", "/v1/alerts/nothing/history"])
async def test_an_unknown_alert_is_a_404(api, reader, path: str):
    answer = await api.client.get(path, headers=reader)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:siaga:problem:not_found")
    assert "nothing" not in answer.text


async def answered(api, alert_id: str, by: str = "", **body: str):
    """Answer with an operator's token of the province, bound to the person `by` if one is named."""
    headers = await api.bearer("operate", *(["answer"] if by else []), region="94", person=by)
    return await api.client.post(f"/v1/alerts/{alert_id}/answers", json=body, headers=headers)


async def test_an_operator_takes_an_alert_in_their_own_name(api):
    alert_id = await api.open_alert()
    answer = await answered(api, alert_id, by="operator-1", says="taken")
    told = answer.json()
    assert (answer.status_code, told["outcome"], told["repeated"]) == (200, "taken", False)
    assert (told["alert"]["status"], told["alert"]["acknowledged_by"]) == ("acknowledged", "operator-1")


async def test_a_proxy_answer_is_the_persons_and_names_the_token(api, reader):
    """It counts as the person's own, of grade 2, and who typed it in stays known.

    Specification: docs/specification/trust.md#evidence-grades.
    """
    alert_id = await api.open_alert()
    recipient = (await api.siaga.desk.case(alert_id)).alert.current.recipients[0]
    answer = await answered(api, alert_id, person=recipient, says="taken", via="proxy")
    assert answer.json()["outcome"] == "taken"
    (taking,) = (await api.client.get(f"/v1/alerts/{alert_id}", headers=reader)).json()["takings"]
    tokens = {token.id for token in await api.siaga.tokens.list()}
    assert (taking["person"], taking["via"], taking["grade"]) == (recipient, "proxy", 2)
    assert taking["operator"] in tokens


async def test_a_note_stands_beside_the_history_for_operators_only(api, reader):
    alert_id = await api.open_alert()
    text = "Ditelepon pukul 12.10; Sekda menuju lokasi"
    await answered(api, alert_id, by="operator-1", says="taken", note=text)
    path = f"/v1/alerts/{alert_id}/history"
    assert text not in (await api.client.get(path, headers=reader)).text
    shown = (await api.client.get(path, headers=await api.bearer("read", "operate"))).json()["entries"]
    assert [entry["note"] for entry in shown if "note" in entry["details"]] == [text]
    assert text not in str([entry.details for entry in await api.siaga.desk.history(alert_id)])


async def test_the_note_of_a_refused_answer_is_not_kept(api):
    alert_id = await api.open_alert()
    await answered(api, alert_id, person="sekda-7315", says="taken", via="proxy", note="x")
    assert await api.siaga.store.scan("notes") == {}


async def test_a_proxy_answer_of_somebody_not_told_is_refused(api):
    alert_id = await api.open_alert()
    before = (await api.siaga.desk.case(alert_id)).alert
    answer = await answered(api, alert_id, person="sekda-7315", says="taken", via="proxy")
    assert (answer.status_code, answer.json()["refusal"]) == (409, "not_told")
    after = (await api.siaga.desk.case(alert_id)).alert
    assert (after.status, after.takings, after.history) == (before.status, (), before.history + 1)


async def test_an_operator_passes_a_matter_on_for_a_recipient(api):
    """By proxy, to a person of the directory; to nobody it is refused by name."""
    alert_id = await api.open_alert()
    recipients = (await api.siaga.desk.case(alert_id)).alert.current.recipients
    body = {"person": recipients[0], "says": "delegated", "via": "proxy"}
    answer = await answered(api, alert_id, **body, to="nobody")
    assert (answer.status_code, answer.json()["refusal"]) == (409, "delegate_unknown")
    answer = await answered(api, alert_id, **body, to="sekda-94")
    assert (answer.status_code, answer.json()["outcome"]) == (200, "delegated")
    kinds = {(n.kind, n.person) for n in (await api.siaga.desk.case(alert_id)).notifications.values()}
    assert ("delegated", "sekda-94") in kinds


async def test_an_operator_escalates_and_comments_by_hand(api):
    """The next step starts now; the words of the comment lie beside the history."""
    alert_id = await api.open_alert()
    headers = await api.bearer("operate", region="94")
    path = f"/v1/alerts/{alert_id}"
    escalated = await api.client.post(f"{path}/escalate", headers=headers)
    assert (escalated.status_code, escalated.json()["step"]) == (200, 2)
    said = {"note": "Telepon tidak diangkat"}
    commented = await api.client.post(f"{path}/comments", json=said, headers=headers)
    assert commented.status_code == 200
    last = (await api.siaga.desk.history(alert_id))[-1]
    (token,) = [one.id for one in await api.siaga.tokens.list() if one.rights == ("operate",)]
    assert (last.name, last.person, last.by) == ("commented", f"token:{token}", f"token:{token}")
    assert len(await api.siaga.store.scan("notes")) == 1
    await answered(api, alert_id, by="op", says="resolved", confirm=True, reason="padam")
    late = await api.client.post(f"{path}/escalate", headers=headers)
    assert (late.status_code, late.json()["refusal"]) == (409, "already_resolved")


async def test_an_answer_of_a_resolved_alert_is_refused(api):
    alert_id = await api.open_alert()
    await answered(api, alert_id, by="operator-1", says="resolved", confirm=True, reason="padam")
    again = await answered(api, alert_id, by="operator-1", says="resolved", confirm=True, reason="padam")
    assert (again.status_code, again.json()["repeated"]) == (200, True)
    late = await answered(api, alert_id, by="operator-2", says="taken")
    assert (late.status_code, late.json()["refusal"]) == (409, "already_resolved")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"person": "p"},
        {"person": "p", "says": "ok"},
        {"person": "p", "says": "taken", "via": "link"},
        {"person": "p", "says": "taken", "grade": "4"},
    ],
)
async def test_a_malformed_answer_names_the_field_and_changes_nothing(api, body: dict[str, str]):
    alert_id = await api.open_alert()
    before = await api.siaga.desk.history(alert_id)
    answer = await answered(api, alert_id, **body)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:siaga:problem:invalid_request")
    assert {fault["in"] for fault in answer.json()["faults"]} == {"body"}
    assert await api.siaga.desk.history(alert_id) == before
