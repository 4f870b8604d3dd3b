"""From the stream to alerts: one evaluator per namespace reads, judges and commits batch by batch.

In: entries of the stream and due instants. Out: group states, decisions on alerts, the cursor, in one write a batch.
Start with `evaluator`.
"""
