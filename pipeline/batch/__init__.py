"""Many patients, unattended: each in its own process, with tables and one page over all of them."""
