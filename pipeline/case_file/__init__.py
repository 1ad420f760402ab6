"""The file that a user writes about what happened around the scans."""
