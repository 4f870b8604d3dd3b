"""What of persons may leave by the side doors of a demo, and finding it: in logs, metrics, addresses, names of files.

What is searched for: every phone and mailbox of the directory, in each way of writing it; tokens of machines, links and
sessions; names, numbers of identity cards (NIK) and of civil servants (NIP) that were planted in reports, texts, mails
and wrong requests; and the words of every report.
"""

from __future__ import annotations

import asyncio
import csv
import json
import re
from collections.abc import Iterator

import httpx

from tests.acceptance.demo.installation import ROOT, SCENARIO, Installation

NAME, NIK, NIP = "Yohanes Tabuni", "7315011204870003", "198704122010011007"
PHONE, MAILBOX = "+6281298765432", "saksi.tabuni@warga.example"
PLANTED = (NAME, "Tabuni", NIK, NIP, PHONE, PHONE.removeprefix("+"), "0" + PHONE.removeprefix("+62"), MAILBOX)
AT = "2025-03-20T12:00:00+09:00"
"""After the demo's last report."""


def planted(**changes: object) -> dict[str, object]:
    """Return a report that holds personal data wherever people may write something."""
    text = f"Saksi {NAME}, NIK {NIK}, NIP {NIP}, telepon {PHONE}, {MAILBOX}"
    return {
        "id": "rahasia-1",
        "kind": "conflict.clash",
        "severity": 4,
        "region": "94.02",
        "occurred_at": AT,
        "source": {"desk": "94.02", "channel": "polri"},
        "metrics": {"injured": 94},
        "summary": text,
        "details_ref": f"https://x.example/{NIK}?telepon={PHONE}",
        "subject": {"role": "bupati", "initials": "YT", "name": NAME},
        "notes": {"saksi": text},
    } | changes


async def misbehave(runner: Installation) -> None:
    """Do all that people and machines may do wrong with personal data in hand."""
    headers = {"Authorization": f"Bearer {runner.make_token()}"}
    async with httpx.AsyncClient(base_url=runner.url, headers=headers, timeout=30) as client:
        for body in (
            planted(),
            planted(id="rahasia-2", occurred_at="kemarin"),
            planted(id=NIK, severity=NAME),
            planted(id="rahasia-4", region=f"{NAME}"),
            planted(id="rahasia-5", **{NAME: {PHONE: MAILBOX}}),
            [planted(id=f"r{n}", kind=NAME) for n in range(3)],
        ):
            await client.post("/v1/events", json=body)
        await client.post("/v1/events", content=json.dumps(planted())[:-9].encode())
        for path in (
            f"/a/{NIK}",
            f"/v1/alerts/{NAME}",
            f"/v1/alerts?region={PHONE}&q={NAME}",
            f"/{NAME}/{PHONE}",
            f"/console/{NAME}?x={MAILBOX}",
            f"/v1/silences/{NIK}",
        ):
            await client.get(path)
            await client.post(path, json={"person": NAME, "note": PHONE})
            await client.delete(path)
        await client.post("/console/sign-in", data={"user": MAILBOX, "password": NAME, "next": f"//{NIK}"})
        wrong = {"Authorization": f"Bearer siaga_{NIK}_{NAME}", "User-Agent": NAME, "Cookie": f"siaga={NIK}"}
        await client.get("/v1/alerts", headers={k: v.encode() for k, v in wrong.items()})
        inbound = {"Authorization": f"Bearer {runner.token_of('inbound')}"}
        await client.post(
            "/v1/inbound/sms", json={"from": PHONE, "text": f"terima {NAME}", "id": NIK}, headers=inbound
        )
        mail = f"From: {MAILBOX}\nTo: siaga@desk.example\nSubject: {NAME}\nMessage-ID: <{NIK}@x>\n\n{PHONE}\n"
        await client.post("/v1/inbound/bounce", content=mail, headers=inbound)
        await client.post("/v1/clock", json={"advance_to": "2025-03-20T15:00:00+09:00"})


def needles(runner: Installation) -> Iterator[str]:
    """Yield everything that must be nowhere."""
    yield from PLANTED
    yield runner.make_token().split("_", 2)[2]  # a secret may hold the sign itself
    yield runner.token_of("inbound").split("_", 2)[2]
    with (ROOT / "config/directory.csv").open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert len(rows) > 4_000
    for row in rows:
        if number := row["sms"]:
            yield from (number, number.removeprefix("+"), "0" + number.removeprefix("+62"))
        if row["email"]:
            yield row["email"]
    for line in SCENARIO.read_text().splitlines():
        event = json.loads(line)
        yield event["summary"]
        yield event["details_ref"]
    for file in runner.outbox.iterdir():
        yield from re.findall(r"/a/([a-z2-7]{12,})", file.read_text())


def shapes(text: str) -> set[str]:
    """Return what looks like the number of a phone, an identity card or a civil servant, a mailbox, or a link."""
    patterns = (
        r"(?<![\w.:-])(?:\+62|62|0)8\d{7,12}(?!\d)",
        r"(?<![\w.])\d{16}(?!\d)",
        r"(?<![\w.])\d{18}(?!\d)",
        r"[\w.+-]+@[\w-]+\.[\w.]+",
        r"/a/[a-z2-7]{8,}",
    )
    return {hit for pattern in patterns for hit in re.findall(pattern, text)}


def scan(runner: Installation) -> dict[str, set[str]]:
    """Do after a replay what goes wrong with personal data in hand; return what of it stands where."""
    asyncio.run(misbehave(runner))
    metrics = httpx.get(f"{runner.url}/metrics").text
    health = "".join(httpx.get(runner.url + path).text for path in ("/healthz", "/readyz"))
    runner.stop()
    folder = runner.outbox.parent
    log = runner.log.read_text()
    routes = {json.loads(line).get("route", "") for line in log.splitlines() if line.startswith("{")}
    assert {"/a/{token}", "/v1/alerts/{alert_id}", "-"} <= routes, (
        "the scan reads the log that it thinks it reads"
    )
    texts = {
        "log": log,
        "metrics": metrics,
        "health": health,
        "server": next(folder.rglob("server.log")).read_text(),
        "names": "\n".join(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()),
    }
    wanted = {needle for needle in needles(runner) if needle}
    hits = {name: {one for one in wanted if one in text} | shapes(text) for name, text in texts.items()}
    return {name: found for name, found in hits.items() if found}
