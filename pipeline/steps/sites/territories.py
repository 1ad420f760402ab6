"""The territories of muscles and spaces on the left of the reference patient.

Written by hand as a book of anatomy describes a muscle: a course from its origin to its insertion, both on
landmarks of the atlas's bones (Standring, Gray's Anatomy), and a half-thickness along the way. A wide
muscle is a fan of several courses.
"""

from __future__ import annotations

from dataclasses import dataclass

Node = tuple[float, float, float, float]
"""x, y, z and radius, mm of the reference patient: left, back, head; 0 in the middle between the hips."""


LOWEST_MM, HIGHEST_MM = -300.0, 260.0
"""Levels of the reference patient between which territories are written down: the last of the thigh above
the knee, and the lower ribs."""


@dataclass(frozen=True, slots=True)
class Territory:
    """A structure, the region it belongs to, and where it runs."""

    structure: str
    region: str
    courses: tuple[tuple[Node, ...], ...]


TERRITORIES = (
    Territory(
        "gluteus maximus",
        "gluteal_superficial",
        (
            ((72, 80, 85, 6), (112, 60, 52, 10), (135, 42, 12, 10), (134, 26, -40, 6)),
            ((42, 86, 58, 10), (82, 78, 22, 17), (115, 62, -20, 15), (128, 36, -62, 8)),
            ((26, 86, 25, 10), (60, 80, -10, 18), (95, 68, -48, 17), (120, 40, -92, 8)),
            ((18, 80, -5, 8), (42, 78, -35, 17), (75, 74, -70, 17), (106, 62, -102, 11), (114, 36, -120, 5)),
            ((24, 76, -20, 10), (48, 74, -60, 14), (82, 70, -90, 13)),
        ),
    ),
    Territory(
        "gluteus medius",
        "gluteal_superficial",
        (
            ((112, -36, 84, 7), (127, -16, 48, 12), (135, -2, 8, 11), (129, 14, -12, 5)),
            ((112, 4, 110, 6), (121, 10, 60, 17), (130, 18, 14, 12), (127, 20, -4, 5)),
            ((88, 48, 110, 6), (105, 45, 60, 15), (118, 35, 20, 12), (125, 24, -3, 5)),
            ((64, 72, 86, 6), (86, 60, 54, 10), (108, 42, 24, 9)),
        ),
    ),
    Territory(
        "gluteus minimus",
        "gluteal_superficial",
        (
            ((107, -28, 66, 4), (112, -18, 35, 7), (118, -6, 8, 6), (124, 5, -15, 4)),
            ((104, -14, 74, 4), (107, -6, 40, 8), (117, 2, 6, 5)),
            ((100, 4, 76, 4), (104, 5, 40, 8), (112, 5, 12, 7)),
            ((93, 14, 70, 4), (100, 15, 38, 8), (112, 10, 12, 6)),
            ((86, 22, 62, 4), (95, 24, 34, 6), (110, 15, 12, 5)),
        ),
    ),
    Territory(
        "piriformis",
        "gluteal_deep",
        (((20, 66, 40, 7), (42, 58, 23, 9), (72, 50, 15, 7), (104, 32, 6, 5), (117, 22, 0, 3)),),
    ),
    Territory(
        "gemelli",
        "gluteal_deep",
        (
            ((56, 54, -4, 4), (82, 46, -4, 5), (112, 26, -4, 3)),
            ((60, 44, -26, 4), (84, 40, -22, 5), (112, 25, -12, 3)),
        ),
    ),
    Territory(
        "obturator internus",
        "obturator_internus",
        (
            ((24, -32, -20, 4), (36, -8, -20, 7), (42, 18, -20, 8), (49, 40, -14, 6)),
            ((27, -24, -42, 4), (37, -2, -42, 6), (44, 20, -38, 7), (49, 40, -20, 6)),
            ((40, -14, 0, 4), (46, 14, 3, 6), (51, 38, -6, 6)),
            ((55, 18, 22, 3), (54, 32, 6, 5)),
            ((49, 42, -14, 5), (60, 50, -14, 5), (84, 44, -13, 5), (112, 25, -8, 3)),
        ),
    ),
    Territory(
        "obturator externus",
        "obturator_externus",
        (
            ((28, -32, -32, 6), (52, -8, -42, 10), (76, 11, -38, 8), (102, 22, -20, 4), (111, 20, -10, 3)),
            ((34, -16, -58, 5), (55, 0, -58, 8), (76, 13, -42, 7)),
            ((34, -32, -12, 6), (52, -14, -22, 9), (72, 8, -34, 7)),
        ),
    ),
    Territory(
        "quadratus femoris",
        "ischiofemoral_space",
        (
            ((62, 36, -50, 7), (84, 30, -50, 10), (108, 25, -48, 6)),
            ((68, 38, -36, 6), (88, 32, -36, 8), (108, 27, -36, 6)),
            ((66, 36, -60, 5), (84, 30, -60, 8), (98, 28, -60, 5)),
        ),
    ),
    Territory(
        "iliacus",
        "iliopsoas",
        (
            ((105, -20, 90, 6), (95, -28, 50, 8), (88, -38, 15, 12), (91, -22, -24, 10), (99, 10, -54, 5)),
            ((92, 22, 100, 6), (80, 8, 62, 9), (80, -22, 32, 9), (85, -36, 5, 11)),
            ((99, 0, 97, 6), (88, -10, 62, 9), (85, -32, 20, 10)),
            ((65, 42, 74, 5), (68, 20, 52, 7), (74, -10, 34, 8)),
        ),
    ),
    Territory(
        "psoas",
        "iliopsoas",
        (
            (
                (26, 42, 200, 7), (32, 32, 175, 11), (40, 17, 130, 17), (45, 8, 98, 17), (54, -12, 62, 13),
                (62, -28, 28, 9), (70, -32, 2, 8), (84, -22, -26, 7),
            ),
        ),
    ),
    Territory(
        "pectineus",
        "adductor_compartment",
        (
            ((34, -46, 4, 6), (50, -37, -20, 8), (67, -19, -42, 8), (82, -6, -60, 7), (102, 8, -76, 4)),
            ((48, -42, 4, 5), (64, -28, -22, 7), (80, -10, -48, 7)),
        ),
    ),
    Territory(
        "adductor longus",
        "adductor_compartment",
        (
            (
                (14, -46, -28, 5), (30, -42, -52, 9), (48, -28, -85, 13), (64, -10, -130, 13),
                (74, 8, -180, 12), (80, 16, -300, 10),
            ),
        ),
    ),
    Territory(
        "adductor brevis",
        "adductor_compartment",
        (((20, -38, -42, 7), (45, -18, -70, 13), (72, -2, -90, 11), (98, 8, -120, 6)),),
    ),
    Territory(
        "adductor magnus",
        "adductor_compartment",
        (
            ((38, -4, -70, 8), (54, 14, -100, 20), (65, 28, -140, 24), (66, 36, -180, 21),
             (68, 36, -300, 18)),
            ((55, 24, -74, 7), (74, 20, -92, 11), (98, 16, -112, 8)),
        ),
    ),
    Territory(
        "gracilis",
        "adductor_compartment",
        (
            (
                (10, -40, -46, 4), (28, -28, -80, 6), (33, -10, -115, 8), (31, 12, -150, 10),
                (32, 36, -190, 11), (36, 48, -300, 10),
            ),
        ),
    ),
    Territory(
        "biceps femoris",
        "posterior_thigh",
        (((62, 40, -66, 5), (78, 54, -100, 7), (90, 65, -125, 11), (98, 74, -160, 15), (98, 68, -300, 18)),),
    ),
    Territory(
        "semitendinosus",
        "posterior_thigh",
        (((62, 42, -62, 5), (70, 46, -92, 9), (68, 60, -130, 13), (68, 74, -170, 15), (66, 80, -300, 15)),),
    ),
    Territory(
        "semimembranosus",
        "posterior_thigh",
        (((66, 38, -62, 5), (58, 50, -120, 6), (48, 60, -150, 10), (46, 67, -185, 14), (48, 66, -300, 16)),),
    ),
    Territory("hamstring tendons", "hamstring_origin", (((64, 38, -54, 5), (66, 40, -66, 6)),)),
    Territory(
        "rectus femoris",
        "anterior_thigh",
        (((97, -38, 34, 4), (104, -41, 0, 7), (108, -36, -40, 11), (107, -33, -90, 14),
         (98, -24, -300, 12)),),
    ),
    Territory(
        "sartorius",
        "anterior_thigh",
        (
            (
                (109, -46, 70, 5), (110, -51, 30, 8), (102, -50, -15, 10), (90, -46, -60, 9),
                 (76, -36, -105, 9),
                (60, -16, -145, 9), (49, 6, -185, 9), (46, 28, -300, 9),
            ),
        ),
    ),
    Territory(
        "tensor fasciae latae",
        "anterior_thigh",
        (((114, -42, 72, 5), (126, -36, 25, 10), (132, -24, -10, 10), (139, -13, -50, 8),
         (141, -5, -95, 5)),),
    ),
    Territory(
        "vastus lateralis",
        "anterior_thigh",
        (
            ((126, -4, -28, 6), (129, 0, -70, 17), (129, 8, -120, 21), (127, 12, -170, 22),
             (122, 14, -300, 22)),
            ((128, 26, -60, 6), (127, 38, -130, 13), (122, 36, -300, 14)),
        ),
    ),
    Territory(
        "vastus intermedius",
        "anterior_thigh",
        (((114, -10, -60, 8), (112, -14, -110, 12), (104, -14, -300, 12)),),
    ),
    Territory(
        "vastus medialis",
        "anterior_thigh",
        (((98, -2, -60, 5), (94, -5, -90, 12), (90, -6, -125, 15), (82, -4, -165, 16), (74, 4, -300, 20)),),
    ),
    Territory(
        "erector spinae",
        "paraspinal",
        (
            ((14, 87, 45, 9), (22, 84, 80, 16), (32, 80, 115, 21), (33, 81, 160, 20), (34, 84, 260, 18)),
            ((56, 82, 130, 10), (60, 84, 180, 14), (62, 84, 260, 14)),
        ),
    ),
    Territory(
        "quadratus lumborum",
        "paraspinal",
        (((76, 58, 112, 8), (64, 63, 140, 12), (56, 64, 170, 11), (42, 62, 215, 8)),),
    ),
    Territory(
        "latissimus dorsi", "paraspinal", (((92, 80, 140, 6), (100, 85, 190, 9), (105, 80, 260, 12)),)
    ),
    Territory(
        "rectus abdominis",
        "abdominal_wall",
        (
            ((10, -52, 4, 5), (20, -52, 60, 8), (28, -48, 120, 10), (28, -50, 260, 12)),
            ((10, -56, 4, 6), (22, -80, 60, 10), (28, -85, 120, 12), (30, -85, 260, 14)),
        ),
    ),
    Territory(
        "oblique muscles",
        "abdominal_wall",
        (
            ((60, -52, 18, 5), (85, -50, 62, 7), (95, -42, 100, 9), (100, -38, 260, 12)),
            ((60, -56, 18, 5), (88, -62, 58, 8), (100, -75, 100, 10), (100, -80, 260, 14)),
            ((112, -45, 88, 8), (125, -20, 130, 12), (126, -20, 260, 16)),
            ((112, 30, 124, 8), (118, 40, 170, 10), (112, 40, 260, 12)),
        ),
    ),
    Territory("hip joint", "hip_joint", (((80, 0, 0, 26), (98, 5, -16, 19)),)),
    Territory(
        "tissue over the greater trochanter",
        "greater_trochanteric",
        (((131, 22, -8, 6), (134, 16, -32, 8)),),
    ),
    Territory(
        "femoral triangle",
        "inguinal",
        (((48, -60, 12, 7), (68, -58, -20, 10), (76, -54, -56, 7)),),
    ),
    Territory(
        "pelvic cavity",
        "pelvic_cavity",
        (((0, 10, -14, 20), (0, 12, 20, 30), (0, 14, 50, 33), (0, -4, 100, 20)),),
    ),
    Territory(
        "perineum",
        "perineum",
        (((0, 46, -44, 16), (0, 0, -58, 14), (0, -44, -74, 14)), ((26, 46, -44, 8), (22, 36, -52, 7))),
    ),
)  # fmt: skip
