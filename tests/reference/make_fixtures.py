"""Writes every fixture of the Rust tests into `tests/fixtures`: python make_fixtures.py [WEIGHTS_FOLDER]

Without the folder of the published weights, the fixture of the real ViT-Ti/16 is left as it is.
"""

import sys
from pathlib import Path

from affinity import make_affinity_fixture
from alignment import make_alignment_fixture
from cam import make_cam_fixture
from coco import make_coco_fixture
from crf import make_crf_fixture
from energy import make_energy_fixture
from head import make_head_fixture
from miou import make_scores_fixture
from patch_contrast import make_patch_contrast_fixture
from refine import make_pseudo_label_fixture, make_refine_fixture
from resize import make_resize_fixture
from text import SHAPES as TEXT_SHAPES
from text import make_text_fixture
from bpe import make_tokens_fixture
from vit import SHAPES, make_layout_fixture, make_real_fixture

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
VIT_TINY = "vit_tiny_patch16_224_in21k_tinyimagenet200.safetensors"


def main() -> None:
    FIXTURES.mkdir(exist_ok=True)
    for seed, layout in enumerate(SHAPES):
        make_layout_fixture(layout, seed, FIXTURES / f"encoder_{layout}.safetensors")
    make_resize_fixture(FIXTURES / "resize.safetensors")
    make_cam_fixture(FIXTURES / "cam.safetensors")
    make_affinity_fixture(FIXTURES / "affinity.safetensors")
    make_patch_contrast_fixture(FIXTURES / "patch_contrast.safetensors")
    make_energy_fixture(FIXTURES / "energy.safetensors")
    make_crf_fixture(FIXTURES / "crf.safetensors")
    make_refine_fixture(FIXTURES / "refine.safetensors")
    make_pseudo_label_fixture(FIXTURES / "pseudo_label.safetensors")
    for seed, layout in enumerate(TEXT_SHAPES):
        make_text_fixture(layout, 300 + seed, FIXTURES / f"text_{layout}.safetensors")
    make_tokens_fixture(FIXTURES / "clip_tokens.json")
    make_alignment_fixture(FIXTURES / "alignment.safetensors")
    make_coco_fixture(FIXTURES / "coco.json")
    make_head_fixture(FIXTURES / "head.safetensors")
    make_scores_fixture(FIXTURES / "scores.json")
    if len(sys.argv) > 1:
        make_real_fixture(Path(sys.argv[1]) / VIT_TINY, FIXTURES / "vit_tiny.safetensors")
    for path in sorted(FIXTURES.iterdir()):
        print(f"{path.name:40} {path.stat().st_size:8} bytes")


if __name__ == "__main__":
    main()
