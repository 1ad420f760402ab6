"""What things are: frozen values in millimetres and HU, without files or formats."""
