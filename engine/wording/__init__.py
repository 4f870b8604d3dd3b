"""What people read: texts in Indonesian and English, dates, numbers, SMS alphabets, links and codes.

Decides how a thing is said, never whether, when or to whom.
"""
