"""The checklist for people and programs: text, JSON, JUnit and a page."""
