"""DICOM in and out: what is in a folder, the scan in it, and series written back."""
