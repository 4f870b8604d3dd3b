"""A small installation in which every write of the service has its occasion.

Here: its files and settings, in lock-step, with an SMS gateway that reports by its own reference and a mail server. Not
here: what happens in it (`acts`).
"""

from pathlib import Path

from engine.core.judging.instant import format_instant, parse_instant
from engine.settings import Settings

ROOT = Path(__file__).parents[2]
START, _ = parse_instant("2024-11-27T10:15:00+08:00")
SECRET = "rahasia-panggilan"
ENVIRONMENT = {"UJI_PASSWORD": "kunci", "UJI_CALLBACK": SECRET, "SIAGA_KEY": "11" * 32}

RULES = """\
version: 1
defaults: {owner: Uji, level: siaga, guide: sop/uji.md, why: uji, escalate: jenjang}
rules:
  - id: bentrok
    title: Bentrok
    short_title: Bentrok
    watch: {kind: conflict.clash}
    per: [region, incident]
    alert_when: every_event
  - id: payung
    title: Payung
    short_title: Payung
    watch: {kind: disaster.flood}
    per: region
    alert_when: every_event
  - id: biasa
    title: Biasa
    short_title: Biasa
    level: waspada
    watch: {kind: count.anomaly}
    per: [region, incident]
    alert_when: every_event
    escalate: ringkas
  - id: terlindung
    title: Terlindung
    short_title: Terlindung
    watch: {kind: staff.casualty}
    per: region
    alert_when: every_event
    hide_while: [payung]
  - id: hitung
    title: Hitung
    short_title: Hitung
    watch: {kind: logistics.damaged}
    per: region
    alert_when: {count: {at_least: %(limit)d, within: 7d}}
  - id: diam
    title: Diam
    short_title: Diam
    level: waspada
    watch: {kind: desk.heartbeat}
    per: region
    alert_when: {silence: {for: 24h, expected_from: dua}}
"""
# By one channel: of two digests the one that was begun before a kill would go second, and tell so in its mark.
_POLICIES = """\
version: 1
policies:
  - id: jenjang
    steps:
      - {to: [sekda], channels: [sms, email], wait: 30m}
      - {to: [{role: sekda, at: province}], channels: [email], wait: 30m}
  - {id: ringkas, steps: [{to: [sekda], channels: [email], wait: 12h}], digest: {levels: [waspada], at: ["18:00"]}}
"""
DIRECTORY = """\
version: 1
people:
  - {id: sekda-7315, contacts: [{channel: sms, value: "+628110000001"}, {channel: email, value: sekda@pinrang.example}]}
  - {id: sekda-7316, contacts: [{channel: sms, value: "+628110000002"}]}
  - {id: sekda-73, contacts: [{channel: email, value: sekda@sulsel.example}]}
  - {id: nasional, contacts: [{channel: email, value: posko@nasional.example}]}
assignments:
  - {position: {region: "73.15", role: sekda}, person: sekda-7315}
  - {position: {region: "73.16", role: sekda}, person: sekda-7316}
  - {position: {region: "73", role: sekda}, person: sekda-73}
  - {position: {region: "00", role: posko_nasional}, person: nasional}
  - {position: {region: "00", role: ops}, person: nasional}
"""
_EXPECTED = 'version: 1\nexpected: {dua: ["73.15", "73.16"]}\n'
_GATEWAYS = """\
version: 1
gateways:
  - {{id: acuan, channel: sms, adapter: acuan.yaml, url: "http://127.0.0.1:{port}", password_env: UJI_PASSWORD,
     callback_env: UJI_CALLBACK, profile: {{two_way: true, dlr_trust: low}}}}
"""
_BY_BOTH, _BY_REFERENCE = "notification: client_ref, reference: message_id", "reference: message_id"


def installation(folder: Path, *, smtp: int, sms: int) -> Settings:
    """Write the files and return the settings; `smtp` and `sms` are the ports of the servers."""
    adapter = (ROOT / "config/adapters/json.yaml").read_text(encoding="utf-8")
    assert _BY_BOTH in adapter
    files = {
        "rules/uji.yaml": RULES % {"limit": 2},
        "policies.yaml": _POLICIES,
        "directory.yaml": DIRECTORY,
        "expected.yaml": _EXPECTED,
        "gateways.yaml": _GATEWAYS.format(port=sms),
        "adapters/acuan.yaml": adapter.replace(_BY_BOTH, _BY_REFERENCE),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(text, encoding="utf-8")
    places = {
        name: str(folder / f"{name}.yaml") for name in ("policies", "directory", "expected", "gateways")
    }
    return Settings.model_validate(
        {
            "namespace": "crash",
            "clock": {"mode": "lock_step", "start": format_instant(START)},
            "paths": {"var": str(folder / "var"), "rules": str(folder / "rules"), **places},
            "gateways": {"smtp": {"host": "127.0.0.1", "port": smtp, "tls": "none"}},
            "budgets": {"person": {"sms": "4/15m"}},
            "situation": {"to": ["posko_nasional@nation"]},
        },
        context={"home": ROOT},
    )
