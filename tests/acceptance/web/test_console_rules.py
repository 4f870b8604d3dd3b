"""The pages of rules: reading them, approving a change as the second person, and what-if without a past."""

import asyncio
import html
import re
from pathlib import Path

import pytest

from engine.records.audit_log import newest as audited
from engine.web.console.what_if import RUNS, RUNS_SECONDS
from tests.acceptance.web.conftest import PASSWORD, ROOT

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


async def sign_in_as(api, user: str, *rights: str) -> None:
    """Sign the client in as another user, who is added where there is none of the name."""
    if await api.siaga.users.get(user) is None:
        await api.user(user, *rights)
    api.client.cookies.clear()
    signed = await api.client.post("/console/sign-in", data={"user": user, "password": PASSWORD})
    assert signed.status_code == 303, signed.text


async def proposed(api) -> str:
    """Propose what the files hold; return the path of the proposal's page."""
    shown = (await api.client.get("/console/change")).text
    rule_set = re.search(r'name="rule_set" value="(\w+)"', shown).group(1)
    sent = await api.send("/console/change", "/console/change", rule_set=rule_set)
    assert sent.headers["location"].endswith("?said=proposed"), sent.text
    return sent.headers["location"].partition("?")[0]


async def test_one_person_proposes_and_another_puts_it_in_force(api):
    await sign_in_as(api, "penulis", "read", "policy")
    assert "Tidak ada perbedaan." in (await api.client.get("/console/change")).text
    change(api)
    before = (await api.siaga.books.follow()).rule_set
    page = await proposed(api)
    await api.advance(5)
    assert (await api.siaga.books.follow()).rule_set == before
    own = (await api.client.get(page)).text
    assert "/approve" not in own
    assert "belum ada pengguna lain yang berhak" in own
    form = {"compared_with": before}
    refused = await api.send(page, f"{page}/approve", **form)
    assert (refused.status_code, "harus orang lain" in refused.text) == (422, True)

    await sign_in_as(api, "penyetuju", "read", "policy")
    assert 'class="waiting">1<' in (await api.client.get("/console")).text
    shown = html.unescape((await api.client.get(page)).text)
    assert 'sedikitnya <mark class="old">3</mark> ' in shown  # the sentence before
    assert 'sedikitnya <mark class="new">2</mark> ' in shown  # and after
    assert re.search(r'<span class="old">- .*at_least: 3', shown)
    assert re.search(r'<span class="new">\+ .*at_least: 2', shown)
    done = await api.send(page, f"{page}/approve", **form)
    assert done.headers["location"] == f"{page}?said=rules_after_the_past"
    await api.advance(6)
    in_force = await api.siaga.books.follow()
    assert in_force.rule_set != before
    assert (in_force.author, in_force.approved_by) == ("user:penulis", "user:penyetuju")
    said = [
        (e.subject.partition("/")[2], e.by)
        for e in await audited(api.siaga.store, 50)
        if e.what == "proposal"
    ]
    assert said == [("approved", "user:penyetuju"), ("proposed", "user:penulis")]


async def test_going_back_is_one_tap_and_a_proposal_like_any_other(api):
    await sign_in_as(api, "penulis", "read", "policy")
    before = (await api.siaga.books.follow()).rule_set
    change(api)
    page = await proposed(api)
    await sign_in_as(api, "penyetuju", "read", "policy")
    await api.send(page, f"{page}/approve", compared_with=before)
    await api.advance(5)
    assert (await api.siaga.books.follow()).rule_set != before
    history = (await api.client.get("/console/rule-sets")).text
    assert f"/console/rule-sets/{before}/propose" in history
    back = await api.send("/console/rule-sets", f"/console/rule-sets/{before}/propose")
    page = back.headers["location"].partition("?")[0]
    await sign_in_as(api, "penulis")
    shown = html.unescape((await api.client.get(page)).text)
    now = re.search(r'name="compared_with" value="(\w+)"', shown).group(1)
    await api.send(page, f"{page}/approve", compared_with=now)
    await api.advance(10)
    assert (await api.siaga.books.follow()).rule_set == before


async def test_a_rejection_needs_a_reason_and_ends_the_proposal(api):
    await sign_in_as(api, "penulis", "read", "policy")
    change(api)
    page = await proposed(api)
    await sign_in_as(api, "penyetuju", "read", "policy")
    assert (await api.send(page, f"{page}/reject", reason=" ")).status_code == 422
    done = await api.send(page, f"{page}/reject", reason="Ambang terlalu rendah")
    assert done.headers["location"].endswith("said=proposal_rejected")
    shown = (await api.client.get(page)).text
    assert "Ambang terlalu rendah" in shown
    assert "/approve" not in shown


async def test_what_was_not_shown_does_not_come_in_force(api):
    await api.sign_in("read", "policy")
    before = (await api.siaga.books.follow()).rule_set
    change(api)
    shown = (await api.client.get("/console/change")).text
    rule_set = re.search(r'name="rule_set" value="(\w+)"', shown).group(1)
    change(api, "at_least: 2, within: 7d", "at_least: 4, within: 7d")
    refused = await api.send("/console/change", "/console/change", rule_set=rule_set)
    assert "Berkas berubah sejak halaman ini dibuka" in refused.text
    assert (await api.siaga.books.follow()).rule_set == before


async def test_files_with_errors_are_shown_with_their_lines(api):
    await api.sign_in("policy")
    change(api, "watch:", "wach:")
    page = (await api.client.get("/console/change")).text
    assert re.search(r"netralitas\.yaml:\d+", page)
    assert "wach" in page
    assert 'name="rule_set"' not in page


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
