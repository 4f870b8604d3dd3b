"""The credential of a command: the account of this machine that started it."""

from __future__ import annotations

import os
import pwd

from engine.core.alerting.credential import Credential
from engine.service.approval import ALONE


def os_account() -> Credential:
    """Return the credential `os:<name>`, by the real user of the process; `os:<uid>` where it has no name."""
    uid = os.getuid()
    try:
        return Credential("os", pwd.getpwuid(uid).pw_name)
    except KeyError:
        return Credential("os", str(uid))


def alone(by: Credential) -> Credential:
    """Return the credential of an act that would need a second person, done alone (`reload.four_eyes: false`)."""
    return Credential(by.kind, f"{by.id}/{ALONE}", by.person)
