"""Fixtures of the image-text alignment: object-aware mask, global and local alignment, similarity maps, collapse.

Independent of the Rust side: pictures, patches and classes are enumerated one by one, and probabilities are formed from
exponentials as the equations print them. Definitions: DALNet (ECCV 2024), Eq. 2 to 6; where these leave something open,
the reading is said where it is made.
"""

import itertools
import json

import torch
from safetensors.torch import save_file

from vit import single

GRID = (3, 4)
COUNT = GRID[0] * GRID[1]
DIM, CLASSES, TEXT_DIM, SHARED_DIM = 7, 4, 6, 5
LABELS = [[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
BOXES = [[0, 3, 0, 4], [0, 2, 1, 4], [1, 3, 0, 3]]
LEVELS = {"paper": (0.5, 0.5), "apart": (0.7, 0.25)}
PROBABILITIES = {
    "shifted": "shifted",
    "clamped": "clamped",
    "sigmoid": {"sigmoid": {"temperature": 0.07, "bias": -1.5}},
}


def object_mask(cam, foreground, background, boxes):
    """Object and background patches and the class of each patch, [B, N] each; CAM [B, C, h, w], boxes on its grid."""
    batch, classes, rows, columns = cam.shape
    sides = torch.zeros(2, batch, rows, columns)
    best = torch.zeros(batch, rows, columns)
    for picture, row, column in itertools.product(range(batch), range(rows), range(columns)):
        values = [float(cam[picture, index, row, column]) for index in range(classes)]
        best[picture, row, column] = values.index(max(values))
        top, bottom, left, right = boxes[picture]
        if top <= row < bottom and left <= column < right:
            sides[0, picture, row, column] = max(values) > foreground
            sides[1, picture, row, column] = max(values) <= background
    return {"foreground": sides[0].flatten(1), "background": sides[1].flatten(1), "class": best.flatten(1)}


def unit(vector):
    """Its direction; an all-zero vector has none, and no gradient."""
    length = vector.norm()
    return vector / length if length > 1e-8 else vector * 0


def unit_texts(text, projection):
    """Texts [C + 1, d] in the shared space: through the projection [d, d_t], or centred where there is none."""
    texts = [projection @ row for row in text] if projection is not None else list(text - text.mean(dim=0))
    return torch.stack([unit(row) for row in texts])


def cosines(tokens, image_projection, texts):
    """Cosine of every token [B, N, D] with every text, [B, N, C + 1]."""
    rows = [
        torch.stack([
            torch.stack([torch.dot(unit(image_projection @ token), text) for text in texts])
            for token in picture
        ])
        for picture in tokens
    ]
    return torch.stack(rows)


def probability(cosine, kind):
    if kind == "shifted":
        return ((1 + cosine) / 2).clamp(1e-4, 1 - 1e-4)
    if kind == "clamped":
        return cosine.clamp(1e-4, 1 - 1e-4)
    return 1 / (1 + torch.exp(-(cosine / kind["sigmoid"]["temperature"] + kind["sigmoid"]["bias"])))


def global_alignment(similarity, labels, options):
    """L_im of class tokens' cosines [B, C + 1], background last."""
    loss = similarity.sum() * 0
    for cosine, present in zip(similarity, labels, strict=True):
        chances = probability(cosine, options["probability"])
        terms = [-torch.log(chances[index]) for index in range(CLASSES) if present[index]]
        if options["cross_contrast"]:
            terms.append(-torch.log(1 - chances[CLASSES]))
            if options["negatives"] == "all":
                terms += [-torch.log(1 - chances[index]) for index in range(CLASSES) if not present[index]]
                terms = [term / (CLASSES + 1) for term in terms]
        loss = loss + sum(terms)
    return loss / len(similarity)


def local_alignment(similarity, labels, mask, options):
    """L_ex of patches' cosines [B, N, C + 1], background last.

    Read into the options: a background patch belongs to no class, so that with `cam` it is pushed from the largest
    cosine of the present classes, as with `max`. Of no present class the sum and the mean are 0, and the largest is
    nothing at all. Classes of the picture are no negatives, but with `cam`, where only the class at the patch is none.
    """
    temperature = options["temperature"]
    everything = options["negatives"] == "all"

    def pulled(cosine, positives, way):
        chosen = [cosine[index] for index in positives]
        if way == "max":
            return torch.stack(chosen).max() if chosen else None
        total = sum(chosen, cosine.sum() * 0)
        return total / max(len(chosen), 1) if way == "mean" else total

    def term(positive, negatives):
        weight = torch.exp(positive / temperature)
        rest = sum((torch.exp(negative / temperature) for negative in negatives), weight * 0)
        return -torch.log(weight / (weight + rest))

    way = options["positive"]
    objects, background = [], []
    for picture, patch in itertools.product(range(similarity.shape[0]), range(similarity.shape[1])):
        cosine = similarity[picture, patch]
        present = [index for index in range(CLASSES) if labels[picture, index]]
        if mask["foreground"][picture, patch]:
            positives = [int(mask["class"][picture, patch])] if way == "cam" else present
            positive = pulled(cosine, positives, "sum" if way == "cam" else way)
            if not options["cross_contrast"]:
                objects.append(term(positive, [cosine.sum() * 0]))
                continue
            negatives = [cosine[CLASSES]]
            if everything:
                negatives += [cosine[index] for index in range(CLASSES) if index not in positives]
            objects.append(term(positive, negatives))
        elif mask["background"][picture, patch] and options["cross_contrast"]:
            if everything:
                negatives = [cosine[index] for index in range(CLASSES)]
            else:
                away = pulled(cosine, present, "max" if way == "cam" else way)
                negatives = [] if away is None else [away]
            background.append(term(cosine[CLASSES], negatives))

    def mean(terms):
        count = similarity.shape[0] * similarity.shape[1]
        return sum(terms, similarity.sum() * 0) / (count if options["normaliser"] == "patches" else max(len(terms), 1))

    return mean(objects) + options["background_weight"] * mean(background)


def separation(texts, class_token, patches, labels, foreground):
    """Mean cosine between texts of classes, and gaps of cosine between present and absent classes."""
    pairs = list(itertools.permutations(range(CLASSES), 2))
    between = sum(float(torch.dot(texts[one], texts[other])) for one, other in pairs) / len(pairs)

    def gap(similarity, chosen):
        sides = {0: [], 1: []}
        for picture, token in itertools.product(range(similarity.shape[0]), range(similarity.shape[1])):
            for index in range(CLASSES):
                if chosen[picture][token]:
                    sides[int(labels[picture, index])].append(float(similarity[picture, token, index]))
        return sum(sides[1]) / len(sides[1]) - sum(sides[0]) / len(sides[0])

    return [between, gap(class_token[:, None], torch.ones(len(labels), 1)), gap(patches, foreground)]


def global_options():
    for kind, negatives, contrast in itertools.product(PROBABILITIES, ("background", "all"), (True, False)):
        name = f"{kind}_{negatives}{'' if contrast else '_without_contrast'}"
        yield name, {"probability": PROBABILITIES[kind], "negatives": negatives, "cross_contrast": contrast}


def local_options():
    ways = itertools.product(("sum", "mean", "max", "cam"), ("background", "all"), ("patches", "masked"), (True, False))
    for positive, negatives, normaliser, contrast in ways:
        # The paper's numbers beside ones that give both halves of the loss a say.
        paper = normaliser == "patches"
        yield f"{positive}_{negatives}_{normaliser}{'' if contrast else '_without_contrast'}", {
            "positive": positive,
            "negatives": negatives,
            "normaliser": normaliser,
            "temperature": 1.0 if paper else 0.07,
            "background_weight": 0.001 if paper else 0.5,
            "cross_contrast": contrast,
        }


def make_cam(generator):
    """A valid CAM in 0..1 with values on the levels themselves, and zero where nothing is seen."""
    cam = torch.rand(len(LABELS), CLASSES, *GRID, generator=generator)
    cam[:, :, 1, 2] = 0.0
    cam = cam * torch.tensor(LABELS)[:, :, None, None]
    for picture, index in ((0, 2), (1, 1)):
        cam[picture, :, 0, 1:4] = 0.0
        cam[picture, index, 0, 1:4] = torch.tensor([0.5, 0.7, 0.25])
    cam[0, 0, 2, 0], cam[0, 2, 2, 0] = 0.9, 0.8
    return cam


def make_alignment_fixture(path) -> None:
    generator = torch.Generator().manual_seed(51)
    labels = torch.tensor(LABELS)
    cam = make_cam(generator)
    text = torch.randn(CLASSES + 1, TEXT_DIM, generator=generator) * 0.6 + torch.randn(TEXT_DIM, generator=generator)
    tokens = torch.randn(len(LABELS), COUNT, DIM, generator=generator)
    tokens[0, 2] = 0.0
    class_token = torch.randn(len(LABELS), DIM, generator=generator)
    stored = {"cam": cam, "labels": labels, "text": text, "tokens": tokens, "class_token": class_token,
              "boxes": torch.tensor(BOXES)}
    masks = {name: object_mask(cam, *levels, BOXES) for name, levels in LEVELS.items()}
    for name, mask in masks.items():
        assert mask["foreground"].any() and mask["background"].any()
        stored |= {f"mask.{name}.{part}": value for part, value in mask.items()}

    sides = {}
    for side, shared in (("projected", SHARED_DIM), ("centred", TEXT_DIM)):
        weights = {"image_projection.weight": torch.randn(shared, DIM, generator=generator) * 0.4}
        if side == "projected":
            weights["text_projection.weight"] = torch.randn(shared, TEXT_DIM, generator=generator) * 0.4
        stored |= {f"{side}.weights.{name}": weight for name, weight in weights.items()}
        sides[side] = {name: weight.double() for name, weight in weights.items()}

    def losses(side, loss_of):
        """Loss and gradients of `loss_of(class token cosines, patch cosines)` from the tokens on."""
        leaves = {"tokens": tokens, "class_token": class_token} | sides[side]
        leaves = {name: leaf.detach().double().requires_grad_() for name, leaf in leaves.items()}
        texts = unit_texts(text.double(), leaves.get("text_projection.weight"))
        image_projection = leaves["image_projection.weight"]
        loss = loss_of(
            cosines(leaves["class_token"][:, None], image_projection, texts)[:, 0],
            cosines(leaves["tokens"], image_projection, texts),
        )
        loss.backward()
        grads = {f"gradient.{name}": leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
        return {"loss": loss.reshape(1)} | grads

    def keep(prefix, values):
        stored.update({f"{prefix}.{name}": value for name, value in values.items()})

    options = {"global": dict(global_options()), "local": dict(local_options())}
    # All options with projected texts; the paper's with centred ones, whose image side is the same code.
    for name, chosen in options["global"].items():
        keep(f"global.{name}", losses("projected", lambda cls, _: global_alignment(cls, labels, chosen)))
    for name, chosen in options["local"].items():
        mask = masks["paper" if chosen["normaliser"] == "patches" else "apart"]
        keep(f"local.{name}", losses("projected", lambda _, patches: local_alignment(patches, labels, mask, chosen)))
    paper = options["global"]["shifted_background"]
    keep("centred.global", losses("centred", lambda cls, _: global_alignment(cls, labels, paper)))
    paper = options["local"]["sum_background_patches"]
    keep("centred.local", losses("centred", lambda _, patches: local_alignment(patches, labels, masks["paper"], paper)))

    for side, weights in sides.items():
        texts = unit_texts(text.double(), weights.get("text_projection.weight"))
        image_projection = weights["image_projection.weight"]
        of_class_token = cosines(class_token.double()[:, None], image_projection, texts)[:, 0]
        of_patches = cosines(tokens.double(), image_projection, texts)
        maps = of_patches.transpose(1, 2).unflatten(2, GRID)
        nearest = maps[:, :CLASSES].argmax(dim=1)
        # No class is nearest to an all-zero token.
        nearest.view(-1)[2] = -1
        best = maps[:, :CLASSES].sort(dim=1, descending=True).values
        margin = (best[:, 0] - best[:, 1])[nearest >= 0]
        assert margin.min() > 1e-4, "rounding would decide which class is nearest: choose another seed"
        measures = separation(texts, of_class_token, of_patches, labels, masks["paper"]["foreground"])
        stored |= {
            f"{side}.texts": texts,
            f"{side}.class_token_similarity": of_class_token,
            f"{side}.maps": maps,
            f"{side}.nearest_class": nearest,
            f"{side}.separation": torch.tensor(measures),
        }
    metadata = {
        "shape": json.dumps({"grid": GRID, "dim": DIM, "classes": CLASSES, "text_dim": TEXT_DIM,
                             "shared_dim": SHARED_DIM}),
        "levels": json.dumps({name: dict(zip(("foreground", "background"), levels, strict=True))
                              for name, levels in LEVELS.items()}),
        "global": json.dumps(options["global"]),
        "local": json.dumps(options["local"]),
    }
    save_file(single(stored), path, metadata=metadata)
