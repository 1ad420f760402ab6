"""The volume of a lesion corrected for partial volume, with its limits."""
