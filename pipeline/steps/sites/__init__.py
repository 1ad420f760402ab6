"""Where a lesion lies, by name."""
