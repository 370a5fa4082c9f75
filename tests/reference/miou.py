"""mIoU and Boundary IoU of masks, and the fixture that the Rust scores are compared with.

Independent of the Rust side: sets of pixels class by class, and erosion by a square of 3 x 3 pixels, one step after the
other, as "Boundary IoU: Improving object-centric image segmentation evaluation" (CVPR 2021) defines it.

    python miou.py TRUTH_FOLDER PREDICTION_FOLDER --classes 21

scores the PNG masks (class indices) that lie in both folders. Where the truth is 255 nothing counts; a prediction of 255
is a label of no class.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

IGNORE = 255
DILATION_RATIO = 0.02


def boundary(mask):
    """The pixels of the boolean `mask` that erosion by 2 % of the diagonal takes away; outside there is no mask."""
    height, width = mask.shape
    steps = max(1, round(DILATION_RATIO * float(np.hypot(height, width))))
    left = np.pad(mask, 1)
    for _ in range(steps):
        padded = np.pad(left, 1, constant_values=True)
        shifts = [padded[y : y + height + 2, x : x + width + 2] for y in range(3) for x in range(3)]
        left = np.logical_and.reduce(shifts)
    return mask & ~left[1:-1, 1:-1]


class Scores:
    """Pixels of intersection and union of every class, of whole masks and of their boundaries."""

    def __init__(self, classes):
        self.both, self.either = (np.zeros((2, classes), dtype=np.int64) for _ in range(2))
        self.shown = np.zeros(classes, dtype=bool)

    def add(self, truth, prediction):
        counted = truth != IGNORE
        for label in range(len(self.shown)):
            one, other = truth == label, prediction == label
            self.shown[label] |= one.any()
            for kind, (one, other) in enumerate([(one, other), (boundary(one), boundary(other))]):
                self.both[kind, label] += (one & other & counted).sum()
                self.either[kind, label] += ((one | other) & counted).sum()

    def iou(self, kind):
        """Of each class; None where no truth shows it."""
        rows = zip(self.shown, self.both[kind], self.either[kind], strict=True)
        return [int(both) / int(either) if shown else None for shown, both, either in rows]

    def report(self):
        known = [[iou for iou in self.iou(kind) if iou is not None] for kind in range(2)]
        miou, boundary_miou = (sum(ious) / len(ious) for ious in known)
        return {"iou": self.iou(0), "miou": miou, "boundary_iou": self.iou(1), "boundary_miou": boundary_miou}


def blobs(generator, labels, height, width):
    """Ellipses of `labels` over background 0."""
    rows, columns = np.mgrid[:height, :width]
    mask = np.zeros((height, width), dtype=np.uint8)
    for label in labels:
        y, x = generator.uniform(0, height), generator.uniform(0, width)
        a, b = 1 + generator.uniform(0.1, 0.5) * height, 1 + generator.uniform(0.1, 0.5) * width
        mask[((rows - y) / a) ** 2 + ((columns - x) / b) ** 2 < 1] = label
    return mask


def make_scores_fixture(path) -> None:
    generator = np.random.default_rng(61)
    classes = 6
    pictures, scores = [], Scores(classes)
    # 25 x 100: a distance of 2.06 pixels; 75 x 100: 2.5, which rounds to the even 2; the last ones less than 1.
    for height, width in [(25, 100), (75, 100), (60, 45), (1, 1), (3, 40)]:
        # Of the six, class 5 is only predicted and class 4 is nowhere.
        truth = blobs(generator, [1, 2, 3, 1], height, width)
        prediction = np.roll(truth, (generator.integers(-3, 4), generator.integers(-3, 4)), (0, 1))
        wrong = blobs(generator, [5, 2], height, width)
        prediction = np.where(generator.random((height, width)) < 0.1, wrong, prediction).astype(np.uint8)
        edge = np.roll(truth, 2, axis=1) != truth
        truth = np.where(edge, IGNORE, truth).astype(np.uint8)
        scores.add(truth, prediction)
        masks = {"truth": truth.ravel().tolist(), "prediction": prediction.ravel().tolist()}
        pictures.append({"size": [height, width]} | masks)
    report = scores.report()
    assert report["iou"][4] is None and report["iou"][5] is None and all(report["boundary_iou"][:4])
    Path(path).write_text(json.dumps({"classes": classes} | report | {"pictures": pictures}) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", type=Path)
    parser.add_argument("prediction", type=Path)
    parser.add_argument("--classes", type=int, default=21, help="with the background")
    options = parser.parse_args()
    scores, count = Scores(options.classes), 0
    for path in sorted(options.prediction.glob("*.png")):
        if (options.truth / path.name).is_file():
            scores.add(*(np.array(Image.open(folder / path.name)) for folder in (options.truth, options.prediction)))
            count += 1
    print(json.dumps({"pictures": count} | scores.report(), indent=2))


if __name__ == "__main__":
    main()
