"""What a researcher calls as names of `pipeline`, and how results show themselves in a notebook."""
