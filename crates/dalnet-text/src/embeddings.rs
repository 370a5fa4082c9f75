//! Embeddings that are a part of the crate: files as `dalnet_assets::TextEmbeddings` reads them, made by
//! `train-native embed` from published vectors of CLIP ViT-B/16; each says in itself where it comes from.

/// The 20 classes of PASCAL VOC in the order of its labels, and the background.
pub const VOC: &[u8] = include_bytes!("../assets/voc.safetensors");

/// The 80 classes of COCO in the order of its category ids, and the background.
pub const COCO: &[u8] = include_bytes!("../assets/coco.safetensors");
