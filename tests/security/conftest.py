"""What the tests of attacks share: the whole app in lock-step, as the tests of the API have it."""

from tests.acceptance.web.conftest import api, directory, kept_in, settings

__all__ = ["api", "directory", "kept_in", "settings"]
