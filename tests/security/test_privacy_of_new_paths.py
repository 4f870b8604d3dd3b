"""Names, NIK, phones and mailboxes that people type: in no log at any level, no metric, no URL, history or audit."""

import logging
import re

import pytest
import structlog

from engine.records.audit_log import entries
from tests.acceptance.web.test_inbound import desk, first_sms

__all__ = ["desk"]
TYPED = {
    "name": "Yohanes Tabuni",
    "nik": "9402011507800001",
    "phone": "081234567890",
    "mailbox": "yohanes.tabuni@example.org",
}
WORDS = " ".join(TYPED.values())
OTHER = "+6281234567890"


@pytest.fixture
def said(caplog):
    """Everything that is logged, down to the debug level, whoever logs it."""
    lines: list[str] = []

    def keep(_logger, _method, event):
        lines.append(str(event))
        raise structlog.DropEvent

    structlog.configure(processors=[keep], wrapper_class=structlog.make_filtering_bound_logger(0))
    caplog.set_level(logging.DEBUG)
    yield lambda: "\n".join((*lines, caplog.text))
    structlog.reset_defaults()


async def everything(api, alert_id: str, number: str, code: str) -> list[str]:
    """Type personal data wherever something can be typed, as whoever may; return the addresses that were asked."""
    headers = await api.bearer("submit", "operate", "answer", "read", "verify", "policy", person="sekda-7315")
    asked: list[str] = []

    async def ask(method: str, path: str, **body: object):
        answer = await api.client.request(method, path, json=body or None, headers=headers)
        asked.append(str(answer.request.url))
        asked.append(answer.headers.get("location", ""))
        return answer

    alert = f"/v1/alerts/{alert_id}"
    await ask("POST", f"{alert}/answers", says="taken", via="proxy", person=WORDS, note=WORDS)
    await ask("POST", f"{alert}/answers", says="resolved", confirm=True, reason=WORDS)
    await ask("POST", f"{alert}/answers", says="delegated", to=WORDS)
    await ask("POST", f"{alert}/comments", note=WORDS)
    await ask("POST", f"{alert}/calls", person=WORDS, reached=True)
    await ask("POST", f"{alert}/reopen", reason=WORDS)
    silence = {"match": {"region": ["94"]}, "until": "2024-11-27T18:00:00+09:00", "reason": WORDS}
    made = await ask("POST", "/v1/silences", **silence)
    await ask("POST", f"/v1/proposals/{made.json()['proposal']}/reject", reason=WORDS)
    await ask("POST", "/v1/contacts", person="sekda-9402", channel="sms", value=OTHER)
    await ask("POST", "/v1/contacts", person="sekda-9402", channel="email", value=TYPED["mailbox"])
    await ask("POST", "/v1/contacts/sekda-9402/sms/2/verification", code="000000")
    odd = api.event(id="E7", kind="conflict.deth", summary=WORDS, metrics={"dead": 3})
    for query in ("?dry_run=true", ""):
        kept = await api.client.post(f"/v1/events{query}", json=odd, headers=headers)
    record = kept.json()["quarantined"][0]["id"]
    path = f"/v1/quarantine/{record}/resubmit"
    await ask("POST", path, event=odd | {"kind": "desk.heartbeat", "severity": 1, "summary": WORDS})
    await ask("DELETE", f"/v1/quarantine/{record}")
    for sender in (number, OTHER):
        for text in (WORDS, f"SELESAI {code} {WORDS}", "STOP", f"TERUSKAN {WORDS}", "SELESAI A2AA"):
            await api.siaga.inbound.hear(sender, text, gateway_id=f"{sender}{text}")
    return asked


async def test_what_people_type_stays_where_it_was_typed(desk, said):
    alert_id, _, number, code = await first_sms(desk)
    asked = await everything(desk, alert_id, number, code)
    await desk.siaga.advance(desk.siaga.clock.now() + 60_000)
    places = {
        "log": said(),
        "metrics": (await desk.client.get("/metrics")).text,
        "addresses": "\n".join(asked),
        "history": "\n".join(map(str, await desk.siaga.desk.history(alert_id))),
        "audit": "\n".join([str(entry) async for entry in entries(desk.siaga.store)]),
        "messages": "\n".join(n.rendered.text for n in await desk.sms() if n.rendered is not None),
    }
    assert "route=" in places["log"] or "route" in places["log"]
    digits = {re.sub(r"\D", "", number)[2:], OTHER[3:]}
    found = {
        (where, typed)
        for where, text in places.items()
        for typed in (*TYPED.values(), *digits)
        if typed in text
    }
    assert found == set()
