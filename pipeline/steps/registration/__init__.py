"""How the bones of one scan lie in another, and where a place between them has gone."""
