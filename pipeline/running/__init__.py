"""What a run of ``measure`` or ``compare`` does, whoever asks for it."""
