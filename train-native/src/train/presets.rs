//! What presets are: a value for every setting that a run may leave out. Losses and labels of each are in `recipe.rs`.

use clap::ValueEnum;

use super::encoder::EncoderChoice;
use super::preset::Preset;
use super::progress::LogForm;
use super::recipe::AlignmentForm;
use super::scale_range::ScaleRange;
use super::settings::Settings;
use crate::device::DeviceChoice;

impl Preset {
    /// What it sets beside [`common`].
    pub(crate) fn settings(self) -> Settings {
        // Published: crop, batch, iterations and rates of DALNet's section 4.1 and ToCo's scripts.
        let paper = Settings {
            encoder: Some(EncoderChoice::VitBase16),
            crop: Some(448),
            long_side: Some(448),
            colour_jitter: Some(true),
            blur: Some(1.0),
            learning_rate: Some(6e-5),
            warm_up: Some(1500),
            checkpoint_every: Some(500),
            validate_every: Some(2000),
            ..Settings::default()
        };
        match self {
            Self::Voc => Settings {
                splits: Some(vec!["train_aug".to_owned()]),
                batch: Some(4),
                iterations: Some(20_000),
                ..paper
            },
            Self::Coco => Settings {
                splits: Some(vec!["train".to_owned()]),
                batch: Some(8),
                iterations: Some(80_000),
                validate_every: Some(8000),
                ..paper
            },
            Self::Tiny => Settings {
                splits: Some(vec!["train_aug".to_owned()]),
                encoder: Some(EncoderChoice::VitTiny16),
                crop: Some(256),
                long_side: Some(352),
                batch: Some(16),
                iterations: Some(2400),
                learning_rate: Some(1e-4),
                warm_up: Some(120),
                checkpoint_every: Some(200),
                validate_every: Some(600),
                ..Settings::default()
            },
            Self::Shapes => Settings {
                splits: Some(vec!["train".to_owned()]),
                encoder: Some(EncoderChoice::Tiny8),
                crop: Some(96),
                long_side: Some(96),
                scale: Some(ScaleRange([0.7, 1.4])),
                batch: Some(16),
                iterations: Some(360),
                learning_rate: Some(1e-3),
                warm_up: Some(50),
                checkpoint_every: Some(90),
                validate_every: Some(180),
                validation_pictures: Some(60),
                ..Settings::default()
            },
        }
    }
}

/// What all presets set alike.
pub(crate) fn common() -> Settings {
    Settings {
        preset: Some(Preset::Tiny),
        alignment: Some(AlignmentForm::Contrastive),
        without: Some(Vec::new()),
        set: Some(Vec::new()),
        scale: Some(ScaleRange([0.5, 2.0])),
        colour_jitter: Some(false),
        blur: Some(0.0),
        accumulate: Some(1),
        layer_decay: Some(1.0),
        weight_decay: Some(0.01),
        seed: Some(0),
        device: Some(vec![DeviceChoice::Auto]),
        gradient_checkpointing: Some(false),
        validation_split: Some("val".to_owned()),
        validation_pictures: Some(120),
        log: Some(LogForm::Auto),
        ..Settings::default()
    }
}

/// All presets side by side, for the help.
pub(crate) fn table() -> String {
    let names = Preset::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let cell = |text: &str| format!("{text:>14}");
    let mut text = format!("{:<24}{}", "Preset", names.map(|name| cell(name.get_name())).collect::<String>());
    let columns = Preset::value_variants().iter().map(|preset| preset.settings().table().unwrap_or_default());
    let columns = columns.collect::<Vec<_>>();
    let mut rows = columns.iter().flatten().map(|(name, _)| name).collect::<Vec<_>>();
    rows.sort();
    rows.dedup();
    let shared = common().table().unwrap_or_default();
    for row in rows {
        let value = |column: &Vec<(String, String)>| {
            let found = column.iter().find(|(name, _)| name == row);
            let found = found.or_else(|| shared.iter().find(|(name, _)| name == row));
            cell(found.map_or("-", |(_, value)| value.trim_matches(['"', '[', ']'])))
        };
        text.push_str(&format!("\n--{row:<22}{}", columns.iter().map(value).collect::<String>()));
    }
    text
}
