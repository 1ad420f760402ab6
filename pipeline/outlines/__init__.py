"""Lesions as a human outlined them, read from a DICOM SEG or a NIfTI label map."""
