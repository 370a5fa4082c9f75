//! Decoding: every picture that a user may hand over becomes RGB or one sentence.

mod common;

use std::io::Cursor;

use common::{assert_says, exif_orientation, jpeg};
use dalnet_data::{ALPHA_BACKDROP, decode_bytes, decode_file};
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};

fn png_of(picture: impl Into<DynamicImage>) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, ImageFormat::Png).expect("an encodable picture");
    bytes.into_inner()
}

/// 64 x 48 with a bright left upper quarter.
fn scene() -> RgbImage {
    RgbImage::from_fn(64, 48, |x, y| if x < 32 && y < 24 { Rgb([250, 240, 230]) } else { Rgb([20, 30, 40]) })
}

#[test]
fn refuses_what_is_no_jpeg_or_png() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.jpg");
    std::fs::write(&path, "Dear diary,\nno pixels today").unwrap();
    assert_says(
        &decode_file(&path).unwrap_err(),
        &["notes.jpg", "not a JPEG or PNG", "\"Dear diary, no p\"", "convert"],
    );
    assert_says(&decode_file(&folder.path().join("no.jpg")).unwrap_err(), &["no.jpg", "cannot be read"]);
    assert_says(&decode_bytes("a.jpg", b"").unwrap_err(), &["a.jpg", "it is empty"]);
    assert_says(&decode_bytes("a.gif", b"GIF89a......").unwrap_err(), &["a.gif", "it is Gif"]);
}

#[test]
fn refuses_truncated_pictures() {
    // Without the walk over segments the end marker of this thumbnail would pass for the picture's.
    let mut exif = exif_orientation(1);
    exif.extend([0xFF, 0xD8, 0xFF, 0xD9]);
    for bytes in [jpeg(&scene(), None), jpeg(&scene(), Some(exif))] {
        decode_bytes("whole.jpg", &bytes).unwrap();
        for length in [3, 20, bytes.len() / 3, bytes.len() / 2, bytes.len() - 2, bytes.len() - 1] {
            let error = decode_bytes("cut.jpg", &bytes[..length]).unwrap_err();
            assert_says(&error, &["cut.jpg", "cut off", &length.to_string(), "again"]);
        }
        let mut longer = bytes.clone();
        longer.extend(b"what phones append");
        decode_bytes("longer.jpg", &longer).unwrap();
    }
    let bytes = png_of(scene());
    for length in [10, bytes.len() / 2, bytes.len() - 30] {
        let error = decode_bytes("cut.png", &bytes[..length]).unwrap_err();
        assert_says(&error, &["cut.png", "cannot be decoded"]);
    }
}

#[test]
fn refuses_a_header_without_a_picture() {
    let error = decode_bytes("hollow.jpg", &[0xFF, 0xD8, 0xFF, 0xD9]).unwrap_err();
    assert_says(&error, &["hollow.jpg", "cannot be decoded"]);
}

#[test]
fn decodes_one_pixel() {
    let picture = RgbImage::from_pixel(1, 1, Rgb([10, 200, 30]));
    assert_eq!(decode_bytes("1.png", &png_of(picture.clone())).unwrap(), picture);
    let decoded = decode_bytes("1.jpg", &jpeg(&picture, None)).unwrap();
    assert_eq!(decoded.dimensions(), (1, 1));
    assert!(decoded.get_pixel(0, 0).0[1].abs_diff(200) < 6);
}

#[test]
fn decodes_a_huge_picture() {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 50)
        .encode_image(&GrayImage::from_pixel(12_000, 9_000, Luma([128])))
        .unwrap();
    let picture = decode_bytes("huge.jpg", &bytes).unwrap();
    assert_eq!(picture.dimensions(), (12_000, 9_000));
    assert!(picture.get_pixel(11_999, 8_999).0[0].abs_diff(128) < 3);
}

#[test]
fn refuses_more_pixels_than_the_limit_before_decoding_them() {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 20_000, 10_001);
    encoder.set_depth(png::BitDepth::One);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_compression(png::Compression::Fastest);
    encoder.write_header().unwrap().write_image_data(&vec![0; 2_500 * 10_001]).unwrap();
    assert_says(&decode_bytes("wall.png", &bytes).unwrap_err(), &["wall.png", "20000 x 10001", "200000000", "smaller"]);
}

#[test]
fn lays_transparency_over_grey() {
    let rgba = RgbaImage::from_fn(3, 1, |x, _| Rgba([255, 0, 100, [0, 255, 51][x as usize]]));
    let decoded = decode_bytes("cutout.png", &png_of(rgba)).unwrap();
    assert_eq!(decoded.get_pixel(0, 0).0, [ALPHA_BACKDROP; 3]);
    assert_eq!(decoded.get_pixel(1, 0).0, [255, 0, 100]);
    // A fifth of the colour, four fifths of the grey.
    assert_eq!(decoded.get_pixel(2, 0).0, [153, 102, 122]);
}

#[test]
fn decodes_sixteen_bits_and_grey() {
    let deep: ImageBuffer<Rgb<u16>, _> = ImageBuffer::from_pixel(2, 2, Rgb([0xFFFF, 0x8080, 0]));
    assert_eq!(decode_bytes("deep.png", &png_of(deep)).unwrap().get_pixel(1, 1).0, [255, 128, 0]);
    let deep: ImageBuffer<Rgba<u16>, _> = ImageBuffer::from_pixel(2, 2, Rgba([0xFFFF, 0, 0, 0]));
    assert_eq!(decode_bytes("clear.png", &png_of(deep)).unwrap().get_pixel(0, 1).0, [ALPHA_BACKDROP; 3]);
    let grey = GrayImage::from_pixel(2, 2, Luma([77]));
    assert_eq!(decode_bytes("grey.png", &png_of(grey)).unwrap().get_pixel(0, 0).0, [77; 3]);
}

#[test]
fn turns_pictures_upright() {
    // Where the bright quarter of the stored picture stands in the upright one: [width, height, left, top].
    let expected = [
        (1, [64, 48, 1, 1]),
        (2, [64, 48, 0, 1]),
        (3, [64, 48, 0, 0]),
        (4, [64, 48, 1, 0]),
        (5, [48, 64, 1, 1]),
        (6, [48, 64, 0, 1]),
        (7, [48, 64, 0, 0]),
        (8, [48, 64, 1, 0]),
    ];
    for (orientation, [width, height, left, top]) in expected {
        let picture = decode_bytes("turned.jpg", &jpeg(&scene(), Some(exif_orientation(orientation)))).unwrap();
        assert_eq!(picture.dimensions(), (width, height), "orientation {orientation}");
        let x = if left == 1 { width / 4 } else { width * 3 / 4 };
        let y = if top == 1 { height / 4 } else { height * 3 / 4 };
        assert!(picture.get_pixel(x, y).0[0] > 230, "orientation {orientation}");
        assert!(picture.get_pixel(width - 1 - x, y).0[0] < 40, "orientation {orientation}");
    }
}
