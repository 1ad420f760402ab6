"""The form of a lesion: its body with the blur taken off, its axes, and the word for it."""
