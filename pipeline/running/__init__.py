"""What a run of measure or compare does with files, whoever asks for it: command, batch job or node."""
