"""Work beside the way of the data: auditor, archivers, retention, backup, doctor, status, personal data."""
