"""Answers whose sender number was forged: whoever knows a number can send as it, but never knows the code on it."""

import pytest

from tests.acceptance.web.test_inbound import desk, first_sms

__all__ = ["desk"]


@pytest.mark.parametrize("words", ["SELESAI", "selesai pak", "BERES", "done"])
async def test_a_forged_selesai_without_code_closes_nothing(desk, words):
    alert_id, asked, number, code = await first_sms(desk)
    await desk.text(number, words)
    case = await desk.siaga.desk.case(alert_id)
    assert case.alert.status == "open"
    assert case.alert.seen == (asked.person,)
    refused = [entry for entry in await desk.siaga.desk.history(alert_id) if entry.name == "answer_refused"]
    assert [(entry.reason, entry.person) for entry in refused] == [("code_missing", asked.person)]
    (said,) = await desk.replies()
    assert said.startswith("BELUM TERCATAT")
    assert f"SELESAI {code}" in said
    assert len(said) <= 160


@pytest.mark.parametrize(
    ("words", "back"),
    [
        ("TERIMA", "TERIMA"),
        ("BUKAN SAYA", "BUKAN SAYA"),
        ("NAIK", "NAIK"),
        ("TERUSKAN inspektorat", "TERUSKAN (jabatan)"),
    ],
)
async def test_without_its_code_an_sms_does_no_more_than_seen(desk, words, back):
    alert_id, asked, number, code = await first_sms(desk)
    before = (await desk.siaga.desk.case(alert_id)).alert
    await desk.text(number, words)
    after = (await desk.siaga.desk.case(alert_id)).alert
    assert (after.status, after.takings, after.declined, after.delegations, after.runs) == (
        *("open", (), (), ()),
        before.runs,
    )
    assert after.seen == (asked.person,)
    assert f"{back} {code}" in (await desk.replies())[0]


async def test_baca_without_code_is_recorded(desk):
    alert_id, asked, number, _ = await first_sms(desk)
    await desk.text(number, "BACA")
    assert (await desk.siaga.desk.case(alert_id)).alert.seen == (asked.person,)
    assert (await desk.replies())[0].startswith("Tercatat")


async def test_by_sms_only_who_has_taken_an_awas_closes_it(desk):
    alert_id, _, number, code = await first_sms(desk)
    assert (await desk.siaga.desk.case(alert_id)).alert.level == 4
    await desk.text(number, f"SELESAI {code}")
    assert await desk.status(alert_id) == "open"
    assert (await desk.replies())[-1].startswith(f"Belum ditutup {code}")
    await desk.text(number, f"TERIMA {code}")
    assert await desk.status(alert_id) == "acknowledged"


async def test_a_link_counts_more_than_an_sms(desk):
    alert_id, _, number, code = await first_sms(desk)
    await desk.text(number, f"TERIMA {code}")
    (taking,) = (await desk.siaga.desk.case(alert_id)).alert.takings
    assert (taking.via, taking.grade) == ("sms", 2)
