"""Sheets that desks fill in: CSV and XLSX, row by row, from cells to events."""
