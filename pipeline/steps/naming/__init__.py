"""Which bone is which: an atlas of named bones is laid into the skeleton of a scan."""
