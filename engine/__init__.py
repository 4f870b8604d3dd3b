"""Siaga's engine: one folder for each room; import from the modules.

Reading order: `core.judging` (events become openings) and `core.alerting` (openings and commands become alerts and
notifications) are the whole meaning, pure and without a clock. Then `store`, `matching`, `documents` and `texts` around
them; `intake`, `evaluation`, `escalation`, `delivery` and `answers` on the way of an event; `app` wires them; at last
the faces, `web` and `cli`. `docs/architecture.md` has the picture. Imports go in the opposite direction.
"""
