"""The DICOM node: a study comes in by C-STORE, its results go out.

Import order: ``telling``, ``identify``, ``state`` ← ``store`` ← ``guard`` ← ``node``; ``watch``, ``work`` and
``send`` beside them; ``serve`` puts them together. Only ``guard``, ``node`` and ``send`` know pynetdicom.
"""
