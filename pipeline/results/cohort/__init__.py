"""Many patients together: their results read back from the files, as rows of a study's tables."""
