"""What is done: pure functions, value in, value out."""
