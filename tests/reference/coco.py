"""Masks of COCO annotations, as weakly supervised methods are scored on: pycocotools draws each annotation; of overlapping
ones that with the smaller area is on top (alicranck/coco2voc, which ToCo's README names), the earlier one of equal ones.

The fixture is an annotation file with one more entry, `expected`: for each image its labels row by row as [label, run]
pairs, the labels being the place of the category among COCO's 80 plus one.
"""

import json
from itertools import groupby
from pathlib import Path

import numpy as np
from pycocotools import mask as mask_utils

# COCO's ids of the categories that are drawn, their names, and their labels.
CATEGORIES = {1: ("person", 1), 3: ("car", 3), 17: ("cat", 16), 18: ("dog", 17), 90: ("toothbrush", 80)}


def binary_mask(segmentation: list | dict, height: int, width: int) -> np.ndarray:
    """[height, width], 0 or 1; as pycocotools' COCO.annToMask."""
    if isinstance(segmentation, list):
        rle = mask_utils.merge(mask_utils.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation["counts"], list):
        rle = mask_utils.frPyObjects(segmentation, height, width)
    else:
        rle = segmentation
    return mask_utils.decode(rle)


def label_map(annotations: list[dict], height: int, width: int) -> np.ndarray:
    labels = np.zeros((height, width), np.int64)
    for annotation in sorted(annotations, key=lambda annotation: annotation["area"]):
        mask = binary_mask(annotation["segmentation"], height, width)
        labels = np.where(labels > 0, labels, mask * CATEGORIES[annotation["category_id"]][1])
    return labels


def polygons(rng: np.random.Generator, height: int, width: int) -> list[list[float]]:
    """One to three outlines with corners on, between and outside of the pixels."""
    outlines = []
    for _ in range(rng.integers(1, 4)):
        corners = rng.integers(3, 12)
        points = rng.uniform(-0.15, 1.15, (corners, 2)) * [width, height]
        outlines.append([round(float(value), int(rng.integers(0, 4))) for value in points.ravel()])
    return outlines


def runs(rng: np.random.Generator, height: int, width: int, compressed: bool) -> dict:
    """A crowd: blobs of a smoothed noise."""
    noise = rng.normal(size=(height + 8, width + 8))
    smooth = sum(noise[y : y + height, x : x + width] for y in range(9) for x in range(9))
    mask = np.asfortranarray(smooth > 3, np.uint8)
    if compressed:
        rle = mask_utils.encode(mask)
        return {"size": rle["size"], "counts": rle["counts"].decode("ascii")}
    counts = [(int(value), len(list(group))) for value, group in groupby(mask.ravel(order="F"))]
    start = [0] if counts[0][0] else []
    return {"size": [height, width], "counts": start + [length for _, length in counts]}


def make_coco_fixture(path: Path) -> None:
    rng = np.random.default_rng(11)
    images, annotations = [], []
    for number, (width, height) in enumerate([(37, 29), (29, 37), (64, 48), (5, 3)]):
        image = {"id": 100 + number, "file_name": f"COCO_val2014_{number:012}.jpg", "width": width, "height": height}
        own = []
        for index in range(6):
            crowd = index in (1, 4)
            segmentation = runs(rng, height, width, index == 4) if crowd else polygons(rng, height, width)
            mask = binary_mask(segmentation, height, width)
            own.append({
                "id": 1000 + 10 * number + index,
                "image_id": image["id"],
                "category_id": int(rng.choice(list(CATEGORIES))),
                # Two of equal area: the first in the file is on top.
                "area": own[-1]["area"] if index == 3 else float(mask.sum()),
                "iscrowd": int(crowd),
                "segmentation": segmentation,
                "bbox": [0, 0, width, height],
            })
        images.append(image)
        annotations.extend(own)
    # Annotations of different images are mixed in the official files.
    annotations = [annotations[index] for index in rng.permutation(len(annotations))]
    expected = {}
    for image in images:
        own = [annotation for annotation in annotations if annotation["image_id"] == image["id"]]
        labels = label_map(own, image["height"], image["width"]).ravel()
        expected[image["file_name"]] = [[int(label), len(list(group))] for label, group in groupby(labels)]
    fixture = {
        "info": {"description": "made by tests/reference/coco.py"},
        "images": images,
        "annotations": annotations,
        "categories": [
            {"id": category, "name": name, "supercategory": "thing"} for category, (name, _) in CATEGORIES.items()
        ],
        "expected": expected,
    }
    path.write_text(json.dumps(fixture, separators=(",", ":")) + "\n")
