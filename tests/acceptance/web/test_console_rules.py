"""The pages of rules: reading them, approving a change as the second person, and what-if without a past."""

import asyncio
import html
import re
from pathlib import Path

import pytest

from engine.web.console.what_if import RUNS, RUNS_SECONDS
from tests.acceptance.web.conftest import ROOT

RULE = "netralitas-berulang"


@pytest.fixture
def settings(settings, tmp_path: Path):
    """An installation with rules of its own that a test may change."""
    rules = tmp_path / "rules"
    rules.mkdir()
    for name in ("netralitas.yaml", "netralitas.test.yaml", "kekerasan.yaml"):
        (rules / name).write_text((ROOT / "rules" / name).read_text())
    return settings.model_copy(update={"paths": settings.paths.model_copy(update={"rules": rules})})


async def test_rules_are_listed_in_plain_sentences_with_what_is_open(api):
    await api.open_alert()
    await api.sign_in("read")
    page = (await api.client.get("/console/rules")).text
    assert "Dugaan pelanggaran netralitas berulang di satu kabupaten/kota" in page
    assert "sedikitnya 3" in page
    assert "1 terbuka" in page
    assert "/console/change" not in page


async def test_a_rule_shows_its_version_tests_and_alerts_of_ones_own_region_only(api):
    alert = await api.open_alert()
    rule = next(a.rule for a in await api.siaga.desk.alerts() if a.id == alert)
    await api.sign_in("read", region="94")
    page = (await api.client.get(f"/console/rules/{rule.id}")).text
    assert f"/console/alerts/{alert}" in page
    assert rule.version in page
    assert "belum ditangani" in page
    tested = (await api.client.get(f"/console/rules/{RULE}")).text
    assert "tiga laporan dalam tujuh hari membuka peringatan" in tested
    assert (await api.client.get("/console/rules/tidak-ada")).status_code == 404


async def test_a_rule_hides_alerts_of_other_regions(api):
    alert = await api.open_alert()
    rule = next(a.rule for a in await api.siaga.desk.alerts() if a.id == alert)
    await api.sign_in("read", region="73")
    assert alert not in (await api.client.get(f"/console/rules/{rule.id}")).text


def change(api, before: str = "at_least: 3, within: 7d", after: str = "at_least: 2, within: 7d") -> None:
    file = api.siaga.settings.paths.rules / "netralitas.yaml"
    assert before in file.read_text()
    file.write_text(file.read_text().replace(before, after))


async def test_a_second_person_puts_a_change_in_force(api):
    await api.sign_in("read", "policy")
    assert "Tidak ada perbedaan." in (await api.client.get("/console/change")).text
    change(api)
    shown = (await api.client.get("/console/change")).text
    assert RULE in shown
    rule_set = re.search(r'name="rule_set" value="(\w+)"', shown).group(1)
    alone = await api.send("/console/change", "/console/change", rule_set=rule_set, author="piket-uji")
    assert alone.status_code == 422
    assert "dua orang yang berbeda" in alone.text
    done = await api.send("/console/change", "/console/change", rule_set=rule_set, author="penulis")
    assert done.headers["location"] == "/console/rules?said=rules_after_the_past"
    await api.advance(5)
    in_force = await api.siaga.books.follow()
    assert (in_force.rule_set, in_force.author, in_force.approved_by) == (rule_set, "penulis", "piket-uji")


async def test_what_was_not_shown_does_not_come_in_force(api):
    await api.sign_in("read", "policy")
    before = (await api.siaga.books.follow()).rule_set
    change(api)
    shown = (await api.client.get("/console/change")).text
    rule_set = re.search(r'name="rule_set" value="(\w+)"', shown).group(1)
    change(api, "at_least: 2, within: 7d", "at_least: 4, within: 7d")
    refused = await api.send("/console/change", "/console/change", rule_set=rule_set, author="penulis")
    assert "Berkas berubah sejak halaman ini dibuka" in refused.text
    assert (await api.siaga.books.follow()).rule_set == before


async def test_files_with_errors_are_shown_with_their_lines(api):
    await api.sign_in("policy")
    change(api, "watch:", "wach:")
    page = (await api.client.get("/console/change")).text
    assert re.search(r"netralitas\.yaml:\d+", page)
    assert "wach" in page
    assert 'name="author"' not in page


@pytest.mark.parametrize("path", ["/console/change", "/console/what-if"])
async def test_changes_are_of_the_whole_nation_and_ask_for_the_right(api, path):
    await api.sign_in("read", "operate", "policy", region="73")
    assert (await api.client.get(path)).status_code == 403


async def test_the_form_of_what_if_holds_the_rule_that_was_chosen(api):
    await api.sign_in("policy")
    page = (await api.client.get(f"/console/what-if?rule={RULE}")).text
    assert f"- id: {RULE}\n  title:" in page


async def asked(api):
    what_if = api.app.state.asked.of("piket-uji")
    await what_if.wait()
    return what_if


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ((), "Aturan ini sah."),
        (("watch:", "wach:"), "Baris 7:"),
        (("at_least: 3, within: 7d", "at_least: 2, within: 7d"), "uji lulus"),
    ],
)
async def test_a_pasted_rule_is_checked_and_tested_beside_the_service(api, changes, says):
    await api.sign_in("policy")
    page = (await api.client.get(f"/console/what-if?rule={RULE}")).text
    text = html.unescape(re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL).group(1))
    pasted = text.replace(*changes) if changes else text
    sent = await api.send("/console/what-if", "/console/what-if", text=pasted, span="604800000")
    assert sent.headers["location"] == "/console/what-if"
    what_if = await asked(api)
    assert not what_if.failed
    shown = (await api.client.get("/console/what-if")).text
    assert says in shown
    assert ("tidak ada pembanding" in shown) == what_if.answer.valid


async def ask(api, form: dict[str, str]):
    return await api.client.post("/console/what-if", data=form)


@pytest.fixture
async def form(api) -> dict[str, str]:
    """Return a question whose rule is no rule at all, so that its answer is quick."""
    await api.sign_in("policy")
    page = (await api.client.get("/console/what-if")).text
    token = re.search(r'name="form_token" value="(\w{64})"', page).group(1)
    return {"form_token": token, "text": "-", "span": "604800000"}


async def test_a_user_asks_so_many_questions_and_waits_then(api, form):
    """A what-if takes a processor; only the last of a user is under way."""
    answers = [await ask(api, form) for _ in range(RUNS + 1)]
    assert [answer.status_code for answer in answers] == [303] * RUNS + [429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= RUNS_SECONDS / RUNS
    assert "Terlalu banyak percobaan" in answers[-1].text


async def test_of_questions_in_parallel_only_the_last_is_under_way(api, form):
    """Each of the others ended: none is left behind that nobody counts."""
    for turn in range(2):
        await asyncio.gather(*(ask(api, form | {"text": f"- {turn}"}) for _ in range(4)))
    made = [task for task in asyncio.all_tasks() if task.get_name() == "what-if"]
    assert len(made) <= 1


async def test_nothing_pasted_is_said(api):
    await api.sign_in("policy")
    refused = await api.send("/console/what-if", "/console/what-if", text=" ", span="604800000")
    assert refused.status_code == 422
    assert "Tempel dahulu" in refused.text
