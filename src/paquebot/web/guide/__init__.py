"""The guide for people: one Markdown file per chapter and language, and the section each page's *Help* opens."""
