"""Scans with known truth: a paediatric pelvis from analytic shapes, calcifications, and a CT scanner."""

from pipeline.phantoms.cases import PhantomCase, PhantomScan, build, reference_case
from pipeline.phantoms.lesions import PhantomLesion
from pipeline.phantoms.patient import Patient, Posture
from pipeline.phantoms.scanner import Scanner
from pipeline.phantoms.table import Table
from pipeline.phantoms.truth import LesionTruth, Truth

__all__ = [
    "LesionTruth",
    "Patient",
    "PhantomCase",
    "PhantomLesion",
    "PhantomScan",
    "Posture",
    "Scanner",
    "Table",
    "Truth",
    "build",
    "reference_case",
]
