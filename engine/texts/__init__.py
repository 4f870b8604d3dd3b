"""Words that people read: messages, pages, numbers and dates, Indonesian first and English second.

In: an alert, a person, a language. Out: texts that fit their channel. Start with `render` (messages), `alert_text`
(alerts), `reply_parser` (what people write back).
"""
