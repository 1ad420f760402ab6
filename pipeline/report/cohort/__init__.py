"""One page over many patients, that works offline."""
