//! What can be fetched, from where, under which licence.

use std::path::Path;

use clap::ValueEnum;

/// A data set or pre-trained weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Asset {
    /// PASCAL VOC 2012 with its segmentation masks, 2 GB
    Voc,
    /// Semantic Boundaries Dataset: masks for more pictures of VOC, 1.4 GB
    Sbd,
    /// COCO 2014: pictures and annotations, 20 GB
    Coco,
    /// ViT-B/16 of ImageNet-21k (timm augreg), the paper's encoder
    #[value(name = "vit-base-21k")]
    VitBase21k,
    /// ViT-Ti/16 of ImageNet (timm augreg)
    VitTiny,
    /// CLIP ViT-B/16 of OpenAI, for train-native embed
    ClipVitB16,
}

/// A file of an asset.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) url: &'static str,
    /// Its name on the disk.
    pub(super) file: &'static str,
    pub(super) megabytes: u32,
    /// As published, in lower-case hexadecimal.
    pub(super) md5: Option<&'static str>,
    /// The one folder at the top of an archive.
    pub(super) unpacks_to: Option<&'static str>,
}

/// MD5 as in torchvision, `datasets/voc.py`.
const VOC: [Part; 1] = [Part {
    url: "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
    file: "VOCtrainval_11-May-2012.tar",
    megabytes: 2000,
    md5: Some("6cd6e144f989b92b3379bac3b3de84fd"),
    unpacks_to: Some("VOCdevkit"),
}];

/// MD5 as in torchvision, `datasets/sbd.py`.
const SBD: [Part; 1] = [Part {
    url: "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/benchmark.tgz",
    file: "benchmark.tgz",
    megabytes: 1400,
    md5: Some("82b4d87ceb2ed10f6038a1cba92111cb"),
    unpacks_to: Some("benchmark_RELEASE"),
}];

const COCO: [Part; 3] = [
    Part {
        url: "http://images.cocodataset.org/annotations/annotations_trainval2014.zip",
        file: "annotations_trainval2014.zip",
        megabytes: 250,
        md5: None,
        unpacks_to: Some("annotations"),
    },
    Part {
        url: "http://images.cocodataset.org/zips/val2014.zip",
        file: "val2014.zip",
        megabytes: 6200,
        md5: None,
        unpacks_to: Some("val2014"),
    },
    Part {
        url: "http://images.cocodataset.org/zips/train2014.zip",
        file: "train2014.zip",
        megabytes: 13_000,
        md5: None,
        unpacks_to: Some("train2014"),
    },
];

const VIT_BASE: [Part; 1] = [Part {
    url: "https://huggingface.co/timm/vit_base_patch16_224.augreg_in21k/resolve/main/model.safetensors",
    file: "vit_base_patch16_224.augreg_in21k.safetensors",
    megabytes: 410,
    md5: None,
    unpacks_to: None,
}];

const VIT_TINY: [Part; 1] = [Part {
    url: "https://huggingface.co/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k/resolve/main/model.safetensors",
    file: "vit_tiny_patch16_224.augreg_in21k_ft_in1k.safetensors",
    megabytes: 23,
    md5: None,
    unpacks_to: None,
}];

const CLIP: [Part; 1] = [Part {
    url: "https://huggingface.co/openai/clip-vit-base-patch16/resolve/main/model.safetensors",
    file: "clip-vit-base-patch16.safetensors",
    megabytes: 599,
    md5: None,
    unpacks_to: None,
}];

impl Asset {
    pub(super) fn parts(self) -> &'static [Part] {
        match self {
            Self::Voc => &VOC,
            Self::Sbd => &SBD,
            Self::Coco => &COCO,
            Self::VitBase21k => &VIT_BASE,
            Self::VitTiny => &VIT_TINY,
            Self::ClipVitB16 => &CLIP,
        }
    }

    pub(super) fn description(self) -> String {
        let value = self.to_possible_value();
        let help = value.as_ref().and_then(|value| value.get_help()).map(ToString::to_string);
        help.unwrap_or_default()
    }

    pub(super) fn licence(self) -> &'static str {
        match self {
            Self::Voc => "pictures under the Flickr terms of their owners, for research",
            Self::Sbd => "pictures of PASCAL VOC under the Flickr terms of their owners, for research",
            Self::Coco => "annotations CC-BY-4.0; pictures under the Flickr terms of their owners",
            Self::VitBase21k | Self::VitTiny => "Apache-2.0",
            Self::ClipVitB16 => "MIT, of OpenAI's CLIP repository",
        }
    }

    /// What to do with it.
    pub(super) fn next_step(self, out: &Path) -> String {
        let out = out.display();
        match self {
            Self::Voc => format!(
                "next: train-native train --data voc:{out}/VOCdevkit/VOC2012 --splits train (train_aug needs a list of its own)"
            ),
            Self::Sbd => format!("masks are in {out}/benchmark_RELEASE/dataset/cls"),
            Self::Coco => {
                format!("annotations are in {out}/annotations, pictures in {out}/train2014 and {out}/val2014")
            }
            Self::VitBase21k | Self::VitTiny => {
                format!("next: train-native train --weights {out}/{}", self.parts()[0].file)
            }
            Self::ClipVitB16 => {
                format!(
                    "next: train-native embed --clip {out}/{} --classes names.txt --out {out}/text.safetensors",
                    self.parts()[0].file
                )
            }
        }
    }
}
