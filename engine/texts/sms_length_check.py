"""Specimens of every message at its longest, to see before anybody is told that all of them fit and arrive.

Here: worst cases of each kind of SMS, of each reply, and of each text of the catalogue, and what is wrong with them on
a route. Not here: what a route carries (`texts.sms_profile`) and printing the findings (`cli.policy_staff.templates`).
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

import msgspec

from engine.core.alerting.alert import Alert, NoticeKind, Notification, RuleWords, Run, Taking
from engine.core.alerting.policy import Policy, PolicyStep, StepTarget
from engine.core.judging.event import EventKey
from engine.core.judging.instant import HOUR, MINUTE, Instant, parse_instant
from engine.core.judging.judgement import Evidence
from engine.core.judging.region import NATION, RegionTable
from engine.gsm7 import transliterate
from engine.texts.alert_text import AlertText, CaseText
from engine.texts.answer_link_token import PLACEHOLDER, link, token_length
from engine.texts.catalogue import LANGUAGES, Catalogue, placeholders
from engine.texts.conversation import RecordedAct
from engine.texts.localizer import KindNames, Localizer
from engine.texts.render import KINDS
from engine.texts.reply_routing import UnusableText, Why
from engine.texts.response import Responses, TextResult
from engine.texts.sms import sms
from engine.texts.sms_profile import Profile, ProfileFault, faults

AT: Instant = parse_instant("2024-11-27T23:50:00+07:00")[0]
"""Just before midnight: a deadline then needs its day."""
CODE = "K7QR"
LONGEST_TITLE = "W" * 40
"""A short title may have so many letters (house rule of the catalogue)."""
TAKER = "taker"
_ASKING: tuple[Why, ...] = ("help", "which", "which_items", "unknown_items")
"""Replies that list codes; the others have no placeholder."""


class LengthFinding(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong: with which message or text, what, and how it reads."""

    message: str
    fault: ProfileFault
    text: str


class SmsLengthCheck:
    """Makes and examines the specimens of one installation."""

    def __init__(
        self, catalogue: Catalogue, kinds: KindNames, regions: RegionTable, *, base_url: str, profile: Profile
    ) -> None:
        self._catalogue = catalogue
        self._kinds = kinds
        self._regions = regions
        self._base_url = base_url
        self._profile = profile
        regencies = [region for region in regions if region.level == "regency"]
        provinces = [region for region in regions if region.level == "province"]
        self._region = max(regencies, key=lambda r: len(r.short_name), default=None)
        self._province = max(provinces, key=lambda r: len(r.short_name), default=None)

    def findings(self, titles: Iterable[str]) -> Iterator[LengthFinding]:
        """Yield all that is wrong; `titles` are the short titles of the rules in force."""
        yield from self.of_texts()
        for title in dict.fromkeys((LONGEST_TITLE, *titles)):
            yield from self.of_messages(title)
        yield from self.of_replies()

    def of_texts(self) -> Iterator[LengthFinding]:
        """Yield what is wrong with the texts of SMS as they stand in the catalogue."""
        for key in self._catalogue.pairs:
            if not key.startswith(("sms.", "reply.")):
                continue
            for language in LANGUAGES:
                for text in self._catalogue.texts(language).variants(key):
                    bare = text.format_map(dict.fromkeys(placeholders(text), ""))
                    for fault in faults(bare, self._profile):
                        if fault != "overflow":  # a variant may be long: a leaner one follows
                            yield LengthFinding(message=f"{key} {language}", fault=fault, text=text)

    def of_messages(self, title: str) -> Iterator[LengthFinding]:
        """Yield what is wrong with an SMS of each kind about what a title says."""
        code = CODE if self._profile.two_way else ""
        for space, level, language in product(("real", "exercise"), (2, 3, 4), LANGUAGES):
            for notification, alert in self._cases(title, space, level, language):
                voice = Localizer(self._catalogue.texts(language), self._regions, self._kinds, alert.region)
                told = (notification, self._taker(alert))
                teller = AlertText(
                    voice, CaseText(notification=notification, alert=alert, notifications=told, at=AT)
                )
                text = sms(teller, self._base_url, profile=self._profile, code=code)
                whole = title in text and transliterate(voice.place(alert.region, short=True)) in text
                sent = text.replace(PLACEHOLDER, "x" * token_length("sms"))
                name = f"sms {notification.kind} {language} level {level} {space}: {title}"
                yield from self._found(name, sent, whole=whole)

    def of_replies(self) -> Iterator[LengthFinding]:
        """Yield what is wrong with a reply of each kind."""
        responses = Responses(self._catalogue, self._regions)
        if not self._profile.two_way or self._region is None:
            return
        alert = self._alert(LONGEST_TITLE, "exercise", 4)
        act = RecordedAct(alert=alert.id, code=CODE, said="taken")
        for key, language in product(self._catalogue.pairs, LANGUAGES):
            _, _, reason = key.rpartition(".")
            if key.startswith(("reply.recorded.", "reply.refused.")):
                refused = key.startswith("reply.refused.")
                became = TextResult(
                    act=act, reason=reason, refused=refused, alert=alert, notifications=[self._taker(alert)]
                )
                yield from self._found(f"{key} {language}", responses.answered(language, [became]))
        codes = (CODE, "A2AA", "B2AB")
        for why, language in product(_ASKING, LANGUAGES):
            turned = UnusableText(why=why, codes=codes)
            text = responses.turned(language, turned, dict.fromkeys(codes, self._region.code))
            yield from self._found(f"reply.{why} {language}", text)

    def _found(self, message: str, text: str, *, whole: bool = True) -> Iterator[LengthFinding]:
        address = link(self._base_url).partition("://")[2].replace(PLACEHOLDER, "")
        found = list(faults(text, self._profile, link=address, code=CODE))
        if not whole and "overflow" not in found:
            found.append("overflow")
        for fault in found:
            yield LengthFinding(message=message, fault=fault, text=text)

    # --- cases -------------------------------------------------------------------------------------------------------

    def _cases(
        self, title: str, space: str, level: int, language: str
    ) -> Iterator[tuple[Notification, Alert]]:
        """Yield a notification of each kind with its alert, at the longest place, to an office elsewhere."""
        alert = self._alert(title, space, level)
        taken = msgspec.structs.replace(
            alert,
            status="acknowledged",
            acknowledged_at=AT,
            acknowledged_by=TAKER,
            takings=(Taking(person="reader", at=AT, via="sms", grade=3),),
        )
        closed = msgspec.structs.replace(taken, status="resolved", resolved_at=AT, resolved_reason="by_hand")
        states = {"taken_by": taken, "reminder": taken, "resolved": closed, "correction": closed}
        for kind in sorted(KINDS):
            yield self._notification(alert, kind, language), states.get(kind, alert)
        yield self._notification(alert, "first", language, informing=True), alert
        yield self._notification(alert, "delegated", language, returned=True), alert

    def _alert(self, title: str, space: str, level: int) -> Alert:
        region = self._region.code if self._region else NATION
        policy = Policy(id="specimen", steps=(PolicyStep(to=(StepTarget(role="sekda"),), wait=HOUR),))
        evidence = Evidence(
            desk=region, id="e", kind="", region=region, severity=level, occurred_at=AT, received_at=AT
        )
        return Alert(
            id="specimen",
            space=space,
            group=region,
            region=region,
            ordinal=1,
            rule=RuleWords(id="specimen", version="", title=title, short_title=title),
            policy=policy,
            status="open",
            level=level,
            happened_at=AT,
            detected_at=AT,
            evidence=(evidence,),
            evidence_count=1,
            floor=EventKey(AT, region, "e"),
            runs=(Run(step=1, round=1, started_at=AT, ends_at=AT + 30 * MINUTE, recipients=("reader",)),),
        )

    def _notification(
        self,
        alert: Alert,
        kind: NoticeKind,
        language: str,
        *,
        informing: bool = False,
        returned: bool = False,
    ) -> Notification:
        return Notification(
            id=f"specimen-{kind}",
            alert=alert.id,
            kind=kind,
            person="reader",
            contact="reader/sms/1",
            channel="sms",
            cause=f"{alert.id}.1",
            planned_at=AT,
            level=alert.level,
            region=alert.region,
            language=language,
            role="sekda",
            office=self._province.code if self._province else NATION,
            capacity="holder",
            informing=informing,
            returned=returned,
            step=1,
            round=1,
        )

    def _taker(self, alert: Alert) -> Notification:
        return msgspec.structs.replace(
            self._notification(alert, "first", "id"), id="specimen-taker", person=TAKER, state="sent"
        )


def short_titles(rules: Iterable[tuple[str, str]]) -> Sequence[str]:
    """Return what an SMS calls each rule, of (short title, title)."""
    return [transliterate(short or title) for short, title in rules]
