"""The desk's side: events that are sent to a Siaga elsewhere and kept until it has them.

Here: the spool and the way over HTTP. Not here: files that people fill in (`documents.sheets.event_sheet`), the command
(`cli.send`) and whatever becomes of an event at the other end.
"""
