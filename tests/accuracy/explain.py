"""The words of the note that do not change."""

HEAD = """# Accuracy

Written by `make accuracy`; do not edit. Semi-synthetic scans (real anatomy, painted lesions and mimics), the
project's own phantoms, nine real scans with findings read by eye, and a scan with a metal hip with
TotalSegmentator's labels. Places are x, y, z in LPS mm. d is definite, i indeterminate."""

DEFINITIONS = """## How each figure is defined

- **Found**: lesions of the analysis cover at least 20 % of the true lesion's volume; one below 100 mm³ is
  also found when a lesion that belongs to no other true one lies within 2 mm of it. Definite and
  indeterminate lesions both count.
- **Dice** of a true lesion is taken with all lesions that have most of their voxels in common with it. The
  generator writes every voxel that a lesion touches anywhere along a thick slice, so that its map is longer
  than the lesion. The first figure is taken against the map cut back to the lesion's known volume at the
  ends of its columns, which leaves a perfect outline at about 0.97 for slices of 2 mm, 0.94 at 3 mm and
  0.90 at 5 mm; the second against the map as written (0.95, 0.94, 0.85). Goals hold for slices of at most 3
  mm.
- **Volume error** compares the volume that is reported with that of the shape. Beside it: how much of the
  lesion was called bone, and how much true bone was called the lesion, in percent of the lesion.
- **False lesion**: at least 10 mm³, and further than 3 mm from every true lesion.
- **Kind of a mimic**: that of the nearest object (bone, lesion, what was excluded) within 4 mm of its
  point; where all its voxels are known, what most of them were taken for. Bone counts within 2 mm. A growth
  centre is also right as part of the bone. A mimic of which no voxel reaches the seed of the threshold is
  too faint to be seen and is left out; one that is bright and yet nowhere listed is counted as taken for
  nothing, which is wrong.
- **Skeleton**: Dice of each bone by name. The true bone contains the cartilage of the growth plates and the
  growth centres; that of the phantoms lacks the cartilage. In the example, everything within 30 mm of
  voxels above 2500 HU is left out. Where the true map has no coccyx, the coccyx is a part of its sacrum. All
  its lesions of at least 15 mm³ are listed, with the organ they lie in.
- **Real scans**: a calcification is found when a lesion lies within 3 mm of its point. Every other point is
  right when the nearest object within 3 mm is no lesion. Further lesions are those of at least 15 mm³ that
  lie at no calcification of the findings; the findings are not exhaustive.
- **Seconds** are those of the analysis alone, without reading, and depend on what else the machine does."""
