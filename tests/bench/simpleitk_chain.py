"""What a SimpleITK user would write: read the series, threshold, components, shape statistics."""

import sys

import SimpleITK as sitk

THRESHOLD_HU = 200


def main(folder: str) -> None:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder))
    image = reader.Execute()
    bright = sitk.BinaryThreshold(image, THRESHOLD_HU, 32767)
    components = sitk.ConnectedComponent(bright, True)
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(components)
    volumes = [statistics.GetPhysicalSize(label) for label in statistics.GetLabels()]
    print(f"{len(volumes)} components, {sum(volumes):.0f} mm3")


if __name__ == "__main__":
    main(sys.argv[1])
