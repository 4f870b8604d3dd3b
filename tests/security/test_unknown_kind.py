"""A report whose kind is a slip of the hand: three dead must reach a person, and the sender must learn of it."""

import pytest

EVENTS = "/v1/events"


async def send(api, **changes):
    """Send the clash with some fields changed; return the answer."""
    return await api.client.post(EVENTS, json=api.event(**changes), headers=await api.bearer("submit"))


async def own_alerts(api):
    return [alert for alert in await api.siaga.desk.alerts() if alert.rule.id == "siaga.quarantine"]


@pytest.mark.parametrize("severity", [3, 4])
async def test_a_grave_report_of_unknown_kind_alerts_the_posko_and_answers_did_you_mean(api, severity):
    """`conflict.deth` with three dead opens no rule's alert: it waits in quarantine and the posko is alerted."""
    answer = await send(api, kind="conflict.deth", severity=severity, metrics={"dead": 3})
    assert answer.status_code == 202, answer.text
    assert (answer.json()["accepted"], len(answer.json()["quarantined"])) == (0, 1)
    (line,) = answer.json()["quarantined"]
    assert (line["field"], line["reason"]) == ("kind", "kind_unknown")
    (fault,) = line["faults"]
    assert fault["instead"].startswith("conflict.")
    assert "mungkin maksud Anda" in fault["suggestion"]["id"]
    assert fault["instead"] in fault["suggestion"]["en"]
    await api.advance(1)
    (alert,) = await own_alerts(api)
    assert (alert.region, alert.level) == ("94.02", severity)


async def test_the_offered_kind_mends_it_with_one_tap(api):
    (line,) = (await send(api, kind="conflict.clahs", severity=4)).json()["quarantined"]
    assert line["mended"] == {"kind": "conflict.clash"}
    path = f"/v1/quarantine/{line['id']}/resubmit"
    done = await api.client.post(path, json={"mended": True}, headers=await api.bearer("operate"))
    assert (done.status_code, done.json()["outcome"]) == (200, "accepted")


async def test_below_severity_3_it_is_taken_in_flagged_and_the_answer_says_so(api):
    answer = await send(api, kind="conflict.clahs", severity=2)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    ((flagged),) = answer.json()["flagged"]
    (remark,) = flagged["remarks"]
    assert (flagged["index"], remark["field"], remark["reason"]) == (0, "kind", "kind_unknown")
    assert remark["instead"] == "conflict.clash"
    await api.advance(1)
    assert await own_alerts(api) == []


async def test_an_exercise_of_unknown_kind_alarms_nobody(api):
    answer = await send(api, kind="conflict.deth", severity=4, exercise=True)
    assert len(answer.json()["quarantined"]) == 1
    await api.advance(1)
    assert await own_alerts(api) == []


async def test_all_faults_come_at_once_with_their_words(api):
    """A developer mends five faults in one try instead of five."""
    answer = await send(
        api,
        kind="Bentrok",
        region="9402",
        severity=7,
        occurred_at="2024-11-27T12:00:00",
        metrics={"injured": "banyak"},
    )
    (line,) = answer.json()["quarantined"]
    assert [(fault["field"], fault["reason"]) for fault in line["faults"]] == [
        ("kind", "wrong_form"),
        ("region", "region_look_alike"),
        ("severity", "out_of_range"),
        ("occurred_at", "no_zone"),
        ("metrics.injured", "wrong_type"),
    ]
    assert (line["field"], line["reason"]) == ("kind", "wrong_form")
    for fault in line["faults"]:
        assert set(fault["text"]) == set(fault["suggestion"]) == {"id", "en"}
        assert all(fault["text"].values())


async def test_a_dry_run_says_what_would_become_of_a_request_and_takes_nothing_in(api):
    await send(api, id="E0")
    events = [
        api.event(id="E0"),
        api.event(id="E0", severity=3),
        api.event(id="E1"),
        api.event(id="E1"),
        api.event(id="E2", kind="conflict.deth"),
        api.event(id="E3", kind="conflict.clahs", severity=1),
        api.event(id="E4", region="73.15", source={"desk": "73.15"}),
    ]
    headers = await api.bearer("submit", region="94.02")
    before = await api.siaga.store.last_position()
    examined = await api.client.post(EVENTS, params={"dry_run": "true"}, json=events, headers=headers)
    assert examined.status_code == 200, examined.text
    assert await api.siaga.store.last_position() == before
    assert (await api.siaga.intake.quarantined(await scope(api))).records == []
    told = examined.json()
    assert told.pop("dry_run") is True
    assert told == (await api.client.post(EVENTS, json=events, headers=headers)).json()
    assert (told["accepted"], told["duplicate"], len(told["rejected"])) == (2, 2, 1)


async def scope(api):
    """Return the scope of a token for the nation."""
    header = (await api.bearer("operate"))["Authorization"]
    return await api.siaga.tokens.check(header)


async def test_a_dry_run_that_is_neither_true_nor_false_is_refused(api):
    headers = await api.bearer("submit")
    answer = await api.client.post(EVENTS, params={"dry_run": "ya"}, json=api.event(), headers=headers)
    assert answer.status_code == 422
