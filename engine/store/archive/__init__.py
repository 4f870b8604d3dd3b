"""The archive: events and resolved cases as files by day, each line chained to the line before."""
