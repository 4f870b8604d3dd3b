"""Siaga's engine. Holds nothing itself; import from the modules.

Reading order: `judging` (events become openings) and `alerting` (openings and people's commands become alerts
and notifications) are the whole meaning, pure and without a clock. Then `store` (what is kept, and the one
commit), `matching`, `loading` and `wording` around them; `service` (the loops that turn it all); `rehearsal`
(the same service by a manual clock); at last the faces, `web` and `cli`. Imports go in the opposite direction.
"""
