"""A small installation: one rule on a clash, one policy by e-mail, and one official who is told of it.

Here: its files and settings, in lock-step, and the event that opens the alert. Not here: the mail server.
"""

from pathlib import Path
from typing import Any

from engine.app import Siaga
from engine.core.judging.instant import format_instant, parse_instant
from engine.people.tokens import Scope
from engine.settings import Settings

ROOT = Path(__file__).parents[3]
START, _ = parse_instant("2024-11-27T10:15:00+08:00")
DESK = Scope(desks=("*",), rights=frozenset(("submit",)), region="00", token_id="t")

_RULE = """\
version: 1
defaults: {owner: Uji, level: siaga, guide: sop/uji.md, why: uji}
rules:
  - {id: uji, title: Uji, short_title: Uji, watch: {kind: conflict.clash}, alert_when: every_event, escalate: surat}
"""
_POLICY = """\
version: 1
policies:
  - {id: surat, steps: [{to: [sekda], channels: [email], wait: 30m}]}
"""
_DIRECTORY = """\
version: 1
people:
  - {{id: sekda-7315, contacts: [{contacts}]}}
assignments:
  - {{position: {{region: "73.15", role: sekda}}, person: sekda-7315}}
"""
_EVENT = b"""{"id": "u1", "kind": "conflict.clash", "severity": 3, "region": "73.15",
"occurred_at": "2024-11-27T10:15:00+08:00", "source": {"desk": "73.15", "channel": "desk"}}"""


def office(folder: Path, smtp: dict[str, Any], **contacts: str) -> Settings:
    """Write the files and return the settings; `contacts` are those of the official by channel, in their order."""
    listed = ", ".join(f'{{channel: {channel}, value: "{value}"}}' for channel, value in contacts.items())
    files = {
        "rules/uji.yaml": _RULE,
        "policies.yaml": _POLICY,
        "directory.yaml": _DIRECTORY.format(contacts=listed),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    paths = {
        "var": str(folder / "var"),
        "rules": str(folder / "rules"),
        "policies": str(folder / "policies.yaml"),
        "directory": str(folder / "directory.yaml"),
    }
    clock = {"mode": "lock_step", "start": format_instant(START)}
    return Settings.model_validate(
        {"clock": clock, "paths": paths, "gateways": {"smtp": {"host": "127.0.0.1", **smtp}}},
        context={"home": ROOT},
    )


async def report(siaga: Siaga) -> None:
    """Let the event come in and everything go out that follows at once."""
    await siaga.advance(START)
    await siaga.intake.submit(_EVENT, "application/json", DESK)
    await siaga.advance(START)
