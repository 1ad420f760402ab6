"""For machines: JSON, CSV and label maps, written whole or not at all."""
