"""One language, speaking of one region: its places, offices, kinds, instants and numbers.

Here: names of single things. Not here: sentences about an alert (`texts.alert_text`). The zone is always that of the
region spoken of (docs/specification/escalation.md#pages-for-people). Offices are named by role and place, never by a
person's name.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.core.alerting.directory import Holding
from engine.core.judging.instant import Instant, Millis
from engine.core.judging.judgement import Evidence, Precision
from engine.core.judging.region import NATION, Region, RegionTable, level_of
from engine.texts import local_time
from engine.texts.catalogue import Texts
from engine.texts.sanitize import plain

KindNames = Mapping[str, Mapping[str, str]]
"""Names of kinds of events: code -> language -> name."""

LONGEST_NAME = 60
"""Characters of the name of a region, kind or role; the longest in the shipped tables has 40."""
_TYPES = (
    "Kabupaten Administrasi ",
    "Kota Administrasi ",
    "Kab. Adm. ",
    "Kota Adm. ",
    "Kabupaten ",
    "Kab. ",
    "Kota ",
)
_SELF_EXPLAINING = ("Daerah ", "Provinsi ", "Prov. ")


class Localizer:
    """Names things in one language; `region` is the code of the alert's region."""

    def __init__(self, texts: Texts, regions: RegionTable, kinds: KindNames, region: str) -> None:
        self.texts = texts
        self.region = region
        self.regions = regions
        self._kinds = kinds
        own = regions.nearest(region)
        self.zone = own.zone if own else "WIB"

    # --- places --------------------------------------------------------------------------------------------------

    def place(self, code: str, *, short: bool = False) -> str:
        """Return `Kab. Pinrang`, `Provinsi Sulawesi Selatan` (short: `Prov.`) or `Indonesia`."""
        region = self.regions.nearest(code)
        if code == NATION:
            return self.texts["place.nation"]
        if region is None or region.code == NATION:
            return self.texts("place.unknown", code=plain(code, LONGEST_NAME))
        name = plain(region.short_name, LONGEST_NAME)
        if _level(region) == "province" and not name.startswith(_SELF_EXPLAINING):
            return self.texts("place.province.short" if short else "place.province", name=name)
        return name

    # --- offices -------------------------------------------------------------------------------------------------

    def office(self, role: str, code: str, status: Holding = "definitif") -> str:
        """Return the full title of a role at a region: `Sekretaris Daerah Kab. Pinrang`, `Pj. Bupati Pinrang`."""
        if not role:
            return self.texts["office.somebody"]
        form = self._form(code)
        key = self.texts.first(f"office.{role}.{form}", f"office.{role}", "office.other")
        title = self.texts(key, place=self.place(code), bare=self._bare(code), role=_spoken(role))
        return self._held(title, status)

    def short_office(self, role: str, code: str, status: Holding = "definitif") -> str:
        """Return the title for an SMS: `Sekda`; with its place where that is not the region spoken of."""
        return self._held(self._short_title(role, code), status) if role else self.texts["office.somebody"]

    def _held(self, title: str, status: Holding) -> str:
        """Put `Pj.` and the like before the title of an office that is held for a time only."""
        return title if status == "definitif" else self.texts(f"status.{status}", office=title)

    def _short_title(self, role: str, code: str) -> str:
        form = self._form(code)
        key = self.texts.first(f"office.short.{role}.{form}", f"office.short.{role}", "")
        title = self.texts[key] if key else _spoken(role)
        if code in (self.region, NATION):
            return title
        if f"office.{role}.{form}" in self.texts and title in self.office(role, code):
            return self.office(role, code)  # `Gubernur Sulawesi Selatan` says its place by itself
        return f"{title} {self.place(code, short=True)}"

    def _form(self, code: str) -> str:
        """Return which form of a title holds at a region: nation, province, city or regency."""
        region = self.regions.nearest(code)
        if region is None or _level(region) in ("nation", "province"):
            return _level(region) if region else "nation"
        return "city" if region.name.startswith("Kota") or region.short_name.startswith("Kota") else "regency"

    def _bare(self, code: str) -> str:
        """Return the name without its type, for titles that say the type themselves (Bupati, Wali Kota, Gubernur)."""
        region = self.regions.nearest(code)
        name = plain(region.short_name, LONGEST_NAME) if region else code
        return next((name.removeprefix(kind) for kind in _TYPES if name.startswith(kind)), name)

    # --- kinds ---------------------------------------------------------------------------------------------------

    def kind(self, evidence: Evidence) -> str:
        """Return the name of what was reported; a verified report loses the word `dugaan`.

        An alert of another rule has that rule's short title.
        """
        if evidence.title:
            return plain(evidence.title, LONGEST_NAME)
        names = self._kinds.get(evidence.kind)
        if names is None:
            return self.texts("kind.unknown", kind=plain(evidence.kind, LONGEST_NAME))
        name = plain(names.get(self.texts.language) or names["id"], LONGEST_NAME)
        prefix = self.texts["alleged.prefix"]
        if evidence.verification == "verified" and name.startswith(prefix):
            bare = name.removeprefix(prefix)
            return bare[:1].upper() + bare[1:]
        return name

    def alleged(self, text: str) -> bool:
        """Say whether a text itself says that what it tells is alleged."""
        return any(word in text.lower() for word in ("dugaan", "diduga", "alleged"))

    # --- instants, lengths, numbers ------------------------------------------------------------------------------

    def moment(self, instant: Instant, precision: Precision = "exact") -> str:
        """Return `Rabu, 27 November 2024 pukul 10.15 WIB`, without a clock time that is not known."""
        return local_time.full_moment(instant, self.zone, self.texts, precision)

    def short_moment(self, instant: Instant, precision: Precision = "exact") -> str:
        """Return `27/11 pkl 10.15 WIB`, or `27/11`."""
        return local_time.short_moment(instant, self.zone, self.texts, precision)

    def listed_moment(self, instant: Instant, now: Instant, precision: Precision) -> str:
        """Return the short moment as a list has room for it: with a year that is not that of `now`."""
        return local_time.listed_moment(instant, now, self.zone, self.texts, precision)

    def near_moment(self, instant: Instant, now: Instant) -> str:
        """Return `pukul 10.45 WITA`, with the date where it is another day than `now`."""
        return local_time.near_moment(instant, now, self.zone, self.texts)

    def clock(self, instant: Instant) -> str:
        """Return `10.15`; the zone must stand beside it."""
        return local_time.clock(instant, self.zone, self.texts)

    def duration(self, length: Millis) -> str:
        """Return `30 menit` or `7 hari`."""
        return local_time.duration(length, self.texts)

    def number(self, figure: float) -> str:
        """Return `12.696` or `68,16`."""
        return local_time.number(figure, self.texts)

    def count(self, what: str, figure: float) -> str:
        """Return a counted thing, such as `3 kejadian`; `what` names the texts
        `count.<what>.one`, `.other` and, where there is one, `.none`.
        """
        form = "none" if figure == 0 else "one" if figure == 1 else "other"
        key = self.texts.first(f"count.{what}.{form}", f"count.{what}.other")
        return self.texts(key, n=self.number(figure))


def _level(region: Region) -> str:
    return region.level or level_of(region.code)


def _spoken(role: str) -> str:
    words = plain(role, LONGEST_NAME).replace("_", " ")
    return words[:1].upper() + words[1:]
