"""The premises of rehearsals: what all tests of a run share and nothing of which a test changes.

Here: the installation's settings, regions, kinds and texts, and renderers, each made once. Not here: what a single test
brings (`documents.test_files.policy_tests`). Without an installation around, what Siaga ships is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from engine.core.alerting.case_editor import NO_STAGES
from engine.core.judging.calendar import Calendar
from engine.core.judging.region import RegionTable
from engine.documents.calendar import load_calendar
from engine.documents.kinds import Kind, load_kinds
from engine.documents.regions import load_regions
from engine.settings import DEFAULT_FILE, Settings, load, names
from engine.texts.catalogue import Catalogue, load_catalogue
from engine.texts.render import Renderer
from engine.texts.response import Responses

SHIPPED = Path(__file__).resolve().parent.parent.parent
"""The folder that holds `config/` and `templates/` of the sources."""


class Premises:
    """Reads what tests need when one first needs it: a rule test needs nothing of it but the calendar."""

    def __init__(self, config: Path = DEFAULT_FILE, settings: Settings | None = None) -> None:
        """Take the settings of the file, or those of an installation that has read them already."""
        self.config = config if config.exists() else SHIPPED / DEFAULT_FILE
        self._settings = settings
        self._renderers: dict[tuple[int, str, str], tuple[RegionTable, Renderer]] = {}

    @cached_property
    def settings(self) -> Settings:
        """The settings of the installation, without what the environment says."""
        return self._settings or load(self.config)

    @cached_property
    def settings_names(self) -> frozenset[str]:
        """The dotted names of all settings."""
        return frozenset(names())

    @cached_property
    def regions(self) -> RegionTable:
        """The shipped table of regions."""
        return load_regions(self.settings.paths.regions)

    @cached_property
    def calendar(self) -> Calendar:
        """The shipped calendar."""
        path = self.settings.paths.calendar
        return load_calendar(path).expect() if path.exists() else NO_STAGES

    @cached_property
    def kinds(self) -> Mapping[str, Kind]:
        """The kinds of events and their names."""
        return load_kinds(self.settings.paths.kinds)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The texts of messages."""
        return load_catalogue(self.settings.paths.templates / "texts.yaml")

    def responses(self, regions: RegionTable) -> Responses:
        """Return the words of replies about these regions."""
        return Responses(self.catalogue, regions)

    def overridden(self, overrides: Mapping[str, str]) -> Settings:
        """Return the settings with others in their place; raise `ConfigurationError` where one is unusable."""
        return load(self.config, overrides=[f"{name}={value}" for name, value in overrides.items()])

    def renderer(self, regions: RegionTable, settings: Settings) -> Renderer:
        """Return what renders messages about these regions, made once for each of them."""
        key = id(regions), settings.base_url, settings.messages.sender
        if key not in self._renderers:
            renderer = Renderer(
                self.catalogue,
                {code: {"id": kind.id, "en": kind.en} for code, kind in self.kinds.items()},
                regions,
                base_url=settings.base_url,
                sender=settings.messages.sender,
                templates=settings.paths.templates,
            )
            self._renderers[key] = regions, renderer
        return self._renderers[key][1]
