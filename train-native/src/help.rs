//! Examples at the end of `--help` of each subcommand.

/// Of `train`, with the presets as they are.
pub(crate) fn train() -> String {
    format!("{TRAIN}\n\n{}", crate::train::presets())
}

const TRAIN: &str = "\
Examples:
  From pre-trained weights of ViT-Ti/16, on pictures in the official VOC layout:
    train-native train --data voc:VOCdevkit/VOC2012 --weights vit_tiny.safetensors --out run
  On photos of one's own, photos/cat/*.jpg, photos/dog/*.jpg and so on, or listed in photos/tags.csv:
    train-native train --data folder:photos --weights vit_tiny.safetensors --validate-every 0 --out run
  Go on after Ctrl-C or a crash, with the same options:
    train-native train --data voc:VOCdevkit/VOC2012 --weights vit_tiny.safetensors --out run --resume
  Without the alignment losses, and with another value of the preset:
    train-native train --data voc:VOCdevkit/VOC2012 --without im,ex --set objective.terms.ptc.weight=0.1 --out run
  The paper's settings with half the memory, on two GPUs, from a file that holds the rest:
    train-native train --config voc.toml --preset voc --batch 2 --accumulate 2 --device gpu:0,gpu:1 --out run
  Another run with the settings of one that is finished, from a better encoder of which the first blocks hardly move:
    train-native train --config run/config.toml --encoder vit-small-14 --crop 252 --weights dinov2_vits14.safetensors \
      --layer-decay 0.75 --out second
  Score the best checkpoint instead of the newest:
    train-native eval --data voc:VOCdevkit/VOC2012 --model run/best.json --json scores.json";

pub(crate) const EVAL: &str = "\
Examples:
  The CAM at three scales:
    train-native eval --data voc:VOCdevkit/VOC2012 --split val --model run --json scores.json
  Spread along the attention and refined by the picture's pixels, on 120 pictures:
    train-native eval --data voc:VOCdevkit/VOC2012 --model run --affinity 1 --refine --pictures 120 --json refined.json
  The segmentation as the literature reports it, at three scales and after a dense CRF:
    train-native eval --data voc:VOCdevkit/VOC2012 --model run --segmentation-scales 1,1.25,1.5 --crf --json crf.json
  With pictures: report/sheet.png shows 12 examples, report/confusion_cam.png which classes are mistaken for which:
    train-native eval --data voc:VOCdevkit/VOC2012 --model run --pictures-out report --examples 12 --json scores.json
The pseudo labels scored are those that training would make of the CAM: pseudo_label leaves uncertain pixels out,
pseudo_label_strict counts them as missed. \"boundaries\" is Boundary IoU, within 2 % of the picture's diagonal.";

pub(crate) const SEGMENT: &str = "\
Examples:
  One photo; masks/photo.png holds the labels, masks/photo.overlay.png shows them:
    train-native segment --model run --out masks photo.jpg
  A folder of photos, however deep; the same command goes on where it was stopped:
    train-native segment --model run --out masks photos
A picture that cannot be segmented is named at the end, the others are written, and the exit code is 2.";

pub(crate) const PSEUDO_LABEL: &str = "\
Examples:
  Masks for a whole training split, as SegmentationClassPseudo/ID.png:
    train-native pseudo-label --data voc:VOCdevkit/VOC2012 --split train_aug --model run --out pseudo
  The second of four equal parts; every machine runs its own:
    train-native pseudo-label --data voc:VOCdevkit/VOC2012 --model run --out pseudo --shard 2/4
  As a Slurm array or an indexed Kubernetes job: see jobs/pseudo-label.slurm and jobs/pseudo-label.k8s.yaml.
The same command again labels only the pictures that have no mask yet.";

pub(crate) const AVERAGE: &str = "\
Examples:
  The middle between a run and the one that started from its weights, which may be better than both:
    train-native average first second --out mean
    train-native eval --data voc:VOCdevkit/VOC2012 --split val --model mean --json mean.json
  The last checkpoints of a run:
    train-native average run/checkpoints/* --out mean";

pub(crate) const EXPORT: &str = "\
Examples:
  Score at the one scale that pages use, then write manifest.json and 16-bit weights:
    train-native eval --data voc:VOCdevkit/VOC2012 --model run --scales 1 --segmentation-scales 1 --json page.json
    train-native export --model run --scores page.json --card model-card.json --out model";

pub(crate) const FETCH: &str = "\
Examples:
  Weights to start training from:
    train-native fetch vit-tiny
  A data set, unpacked to data/VOCdevkit/VOC2012:
    train-native fetch voc --out data
The same command goes on where a download stopped. A file is checked against the published digest; where there is none,
its SHA-256 is noted beside it at the first download and checked from then on.";

pub(crate) const INSPECT: &str = "\
Examples:
  The newest checkpoint of a run, or a shipped model:
    train-native inspect run
    train-native inspect model/manifest.json
  For other programs:
    train-native inspect run --json";

pub(crate) const DOCTOR: &str = "\
Each device computes a tiny fixed network, which is compared with double precision on the processor, and a larger matrix
product, which is timed. The exit code is 2 if one of them fails.

Example:
    train-native doctor";

pub(crate) const COMPLETIONS: &str = "\
Examples:
    train-native completions bash > ~/.local/share/bash-completion/completions/train-native
    train-native completions zsh > ~/.zfunc/_train-native
    train-native completions fish > ~/.config/fish/completions/train-native.fish";
