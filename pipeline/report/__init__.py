"""For people: pictures and words."""
