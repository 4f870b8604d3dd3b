"""Alerts and notifications that the tests of wording speak of: Kab. Pinrang counts, Kab. Puncak Jaya burns.

Ids of people begin with `orang-`, so that a test can see one that slipped into a text.
"""

from pathlib import Path

import msgspec

from engine.core.alerting.alert import Alert, Notification, RuleWords, Run, Taking
from engine.core.alerting.policy import Policy, PolicyStep, StepCondition, StepTarget
from engine.core.judging.event import EventKey
from engine.core.judging.instant import DAY, HOUR, MINUTE, parse_instant
from engine.core.judging.judgement import Evidence
from engine.documents.kinds import load_kinds
from engine.documents.regions import load_regions
from engine.texts.alert_text import AlertText, CaseText
from engine.texts.catalogue import load_catalogue
from engine.texts.localizer import Localizer
from engine.texts.render import Renderer

ROOT = Path(__file__).parents[3]
TEMPLATES = ROOT / "templates"
CATALOGUE = load_catalogue(TEMPLATES / "texts.yaml")
KINDS = msgspec.to_builtins(load_kinds(ROOT / "config/kinds.yaml"))
REGIONS = load_regions(ROOT / "config/regions.csv")
BASE_URL = "https://siaga.example"
SENDER = "Siaga Desk Pilkada <siaga@desk.example>"
change = msgspec.structs.replace


def instant(text: str) -> int:
    return parse_instant(text)[0]


NOW = instant("2024-11-27T10:15:00+08:00")


def evidence(number: int, at: int, **fields) -> Evidence:
    fields = {"kind": "neutrality.asn", "region": "73.15", "severity": 2, "channel": "bawaslu"} | fields
    return Evidence(desk=fields["region"], id=f"kejadian-{number}", occurred_at=at, received_at=at, **fields)


POLICY = Policy(
    id="netralitas",
    steps=(
        PolicyStep(to=(StepTarget(role="sekda"), StepTarget(role="bkpsdm")), wait=30 * MINUTE),
        PolicyStep(
            to=(StepTarget(role="sekda", at="province"),), wait=HOUR, when=StepCondition(level_at_least=3)
        ),
        PolicyStep(to=(StepTarget(role="dirjen_otda", at="nation"),), wait=HOUR),
    ),
    inform=(StepTarget(role="kesbangpol"),),
)
RULE = RuleWords(
    id="netralitas-berulang",
    version="0a1b2c3d4e5f",
    title="Dugaan pelanggaran netralitas ASN berulang",
    short_title="3 dugaan netralitas ASN",
    why="SKB 2/2022; PP 94/2021 Pasal 5 huruf n",
    guide="sop/netralitas-asn.md",
    condition="count",
    within=7 * DAY,
)
THREE = (
    evidence(1, NOW - 5 * DAY, channel="hotline"),
    evidence(2, NOW - 30 * HOUR, verification="verified"),
    evidence(3, NOW - 5 * MINUTE, channel="media"),
)
ALERT = Alert(
    id="abcdefgh23456772",
    space="real",
    group="73.15",
    region="73.15",
    ordinal=1,
    rule=RULE,
    policy=POLICY,
    status="open",
    level=3,
    happened_at=NOW - 5 * MINUTE,
    detected_at=NOW,
    evidence=THREE,
    evidence_count=3,
    floor=THREE[-1].key,
    figure=3,
    limit=3,
    window=(NOW - 7 * DAY, NOW),
    runs=(
        Run(
            step=1,
            round=1,
            started_at=NOW,
            ends_at=NOW + 30 * MINUTE,
            recipients=("orang-sekda", "orang-bkpsdm"),
        ),
    ),
)


def notification(kind: str = "first", role: str = "sekda", office: str = "73.15", **fields) -> Notification:
    fields = {
        "person": f"orang-{role}" if office == "73.15" else f"orang-{role}-{office}",
        "channel": "email",
        "capacity": "holder",
        "step": 1,
        "round": 1,
        "level": 3,
        "planned_at": NOW,
        "state": "pending",
    } | fields
    return Notification(
        id=f"pemberitahuan{kind}{fields['channel']}",
        alert=ALERT.id,
        kind=kind,
        contact=f"{fields['person']}/{fields['channel']}",
        cause=f"{ALERT.id}.1",
        region="73.15",
        role=role,
        office=office,
        **fields,
    )


TOLD = (
    notification(state="sent"),
    notification(role="bkpsdm", state="sent"),
    notification(role="kesbangpol", state="sent", informing=True),
)
LATER = NOW + 12 * MINUTE
TAKEN = change(
    ALERT,
    status="acknowledged",
    acknowledged_at=LATER,
    acknowledged_by="orang-bkpsdm",
    expires_at=LATER + 12 * HOUR,
    takings=(Taking(person="orang-bkpsdm", at=LATER, via="link", grade=2),),
)
RESOLVED = change(
    TAKEN,
    status="resolved",
    resolved_at=NOW + 3 * HOUR,
    resolved_by="orang-bkpsdm",
    resolved_reason="by_hand",
)
CLASH_AT = instant("2024-11-27T12:40:00+09:00")
CLASH = change(
    ALERT,
    region="94.02",
    group="94.02",
    level=4,
    rule=change(
        RULE,
        id="kekerasan-berat",
        title="Bentrok massa dengan korban luka atau jiwa",
        short_title="Bentrok massa",
        condition="every_event",
        within=None,
        guide="sop/kekerasan.md",
        why="PP 12/2017; Permendagri 9/2005",
    ),
    figure=None,
    limit=None,
    window=None,
    happened_at=CLASH_AT,
    detected_at=CLASH_AT,
    evidence=(evidence(9, CLASH_AT, kind="conflict.clash", region="94.02", severity=4, channel="polri"),),
    evidence_count=1,
    floor=EventKey(CLASH_AT, "94.02", "kejadian-9"),
    runs=(
        Run(
            step=1, round=1, started_at=CLASH_AT, ends_at=CLASH_AT + 10 * MINUTE, recipients=("orang-sekda",)
        ),
    ),
)


def renderer(base_url: str = BASE_URL, **surroundings) -> Renderer:
    surroundings = {"kinds": KINDS, "regions": REGIONS} | surroundings
    return Renderer(CATALOGUE, **surroundings, base_url=base_url, sender=SENDER, templates=TEMPLATES)


RENDERER = renderer()


def teller(mine: Notification, alert: Alert = ALERT, told=TOLD, at: int = NOW) -> AlertText:
    voice = Localizer(CATALOGUE.texts(mine.language), REGIONS, KINDS, alert.region)
    return AlertText(voice, CaseText(notification=mine, alert=alert, notifications=told, at=at))
