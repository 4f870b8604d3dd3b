"""Events in: durably, each exactly once, or kept aside for a person, or refused with a reason.

In: bytes and a credential. Out: entries of the stream, quarantine records, an answer for each event. Start with
`submission`.
"""
