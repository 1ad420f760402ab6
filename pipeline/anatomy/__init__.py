"""Label maps that the user already has, brought onto the grid of a scan."""
