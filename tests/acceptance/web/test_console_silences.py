"""The page of silences: making one, ending it, and how far a user's region reaches."""

import re

import pytest

from tests.acceptance.web.conftest import PASSWORD

PATH = "/console/silences"
FORM = {"region": "94.02 Kab. Puncak Jaya", "length": "3600000", "reason": "jaringan padam"}


async def listed(api):
    return await api.siaga.silences.list()


async def test_a_silence_is_made_shown_and_ended(api):
    await api.sign_in("read", "operate")
    made = await api.send(PATH, PATH, **FORM, rule="netralitas-berulang")
    assert made.headers["location"] == f"{PATH}?said=silenced"
    (silence,) = await listed(api)
    assert (silence.match.region, silence.match.rule) == (("94.02",), ("netralitas-berulang",))
    assert (silence.author, silence.reason, silence.until - silence.since) == (
        "user:piket-uji",
        "jaringan padam",
        3_600_000,
    )
    shown = (await api.client.get(made.headers["location"])).text
    assert "Bisukan berlaku sekarang." in shown
    assert "Daerah: Kab. Puncak Jaya; Aturan: netralitas-berulang" in shown
    assert "pukul 13.00 WIT" in shown
    ended = await api.send(PATH, f"{PATH}/{silence.id}/end")
    assert ended.status_code == 303
    (silence,) = await listed(api)
    assert (silence.until, silence.ended_by) == (api.siaga.clock.now(), "user:piket-uji")
    assert "Diakhiri lebih awal oleh pengguna piket-uji." in (await api.client.get(PATH)).text


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"reason": " "}, "Alasan belum diisi."), ({"region": "7399"}, "Daerah tidak dikenal")],
)
async def test_what_is_missing_is_said_and_the_form_stays_filled(api, changes, says):
    await api.sign_in("operate")
    refused = await api.send(PATH, PATH, **FORM | changes)
    assert refused.status_code == 422
    assert says in refused.text
    assert re.search(r'value="3600000" selected', refused.text)
    assert await listed(api) == ()


@pytest.mark.parametrize("changes", [{"length": "1"}, {"length": ""}, {"level": "merah"}])
async def test_what_the_form_does_not_offer_is_refused(api, changes):
    await api.sign_in("operate")
    assert (await api.send(PATH, PATH, **FORM | changes)).status_code == 422
    assert await listed(api) == ()


async def test_a_silence_outside_of_ones_region_is_neither_made_seen_nor_ended(api):
    await api.sign_in("operate", region="73")
    assert (await api.send(PATH, PATH, **FORM)).status_code == 403
    theirs = await api.client.post(
        "/v1/silences",
        json={
            "match": {"region": ["94.02"]},
            "until": "2024-11-27T14:00:00+09:00",
            "reason": "uji",
        },
        headers=await api.bearer("operate"),
    )
    assert "Puncak Jaya" not in (await api.client.get(PATH)).text
    refused = await api.send(PATH, f"{PATH}/{theirs.json()['id']}/end")
    assert refused.status_code == 403
    (silence,) = await listed(api)
    assert silence.ended_by == ""


async def test_a_form_without_the_token_of_the_session_makes_nothing(api):
    await api.sign_in("operate")
    refused = await api.client.post(PATH, data=FORM)
    assert refused.status_code == 403
    assert await listed(api) == ()


async def test_who_may_not_operate_gets_no_page(api):
    await api.sign_in("read")
    assert (await api.client.get(PATH)).status_code == 403


async def test_one_of_a_province_waits_and_the_page_says_for_whom(api):
    """Nothing is silent until another person approves; the form of whoever proposed offers no approval."""
    await api.sign_in("read", "operate")
    await api.user("piket-dua", "operate")
    made = await api.send(PATH, PATH, **FORM | {"region": "94 Provinsi Papua"})
    page = made.headers["location"]
    assert page.endswith("?said=silence_proposed")
    shown = (await api.client.get(page)).text
    assert "Bisukan belum berlaku." in shown
    assert "Yang dapat menyetujui: piket-dua." in shown
    assert "/approve" not in shown
    assert await listed(api) == ()
    api.client.cookies.clear()
    await api.client.post("/console/sign-in", data={"user": "piket-dua", "password": PASSWORD})
    path = page.partition("?")[0]
    done = await api.send(path, f"{path}/approve", compared_with="")
    assert done.headers["location"] == f"{path}?said=proposal_approved"
    (silence,) = await listed(api)
    assert (silence.author, silence.approved_by) == ("user:piket-uji", "user:piket-dua")
