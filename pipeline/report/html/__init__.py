"""The report that people read: one page that works offline."""
