"""From matched lesions to what became of each, of all together, and to an answer."""
