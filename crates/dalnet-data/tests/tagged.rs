//! Folders and archives of tagged photos: what is read, what is reported, and each thing that is refused.

mod common;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use common::{assert_says, jpeg, palette_png};
use dalnet_data::{DataError, DataSet, Finding, Sample, Tagged, open_archives, open_folder};
use image::{Rgb, RgbImage};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = Self(TempDir::new().expect("a temporary folder"));
        for (name, bytes) in files {
            folder.write(name, bytes);
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("the test's own data")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }

    /// An archive with these members.
    fn tar(&self, name: &str, members: &[(&str, &[u8])]) -> PathBuf {
        let mut archive = tar::Builder::new(File::create(self.path(name)).expect("a file"));
        for (name, bytes) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, name, *bytes).expect("a member");
        }
        archive.into_inner().expect("an archive");
        self.path(name)
    }

    fn open(&self) -> Result<Tagged, DataError> {
        open_folder(self.0.path())
    }
}

/// A picture of 4 x 2 pixels, another for each `shade`.
fn picture(shade: u8) -> Vec<u8> {
    jpeg(&RgbImage::from_pixel(4, 2, Rgb([shade; 3])), None)
}

fn mask() -> Vec<u8> {
    palette_png([4, 2], png::BitDepth::Eight, &[0, 1, 1, 0, 0, 2, 2, 255])
}

fn ids(samples: &[Sample]) -> Vec<(&str, &[usize])> {
    samples.iter().map(|sample| (sample.id.as_str(), sample.labels.as_slice())).collect()
}

fn shade(sample: &Sample) -> u8 {
    sample.read_picture().expect("the test's own data").get_pixel(0, 0).0[0]
}

#[test]
fn reads_a_list() {
    let list =
        "\u{feff}file, tags,split\nb/two.jpg,dog; cat ;;dog,train\r\n./one.JPG,zebra,train\n\"c,d.png\",cat,val\n";
    let [one, two, three] = [20, 90, 160].map(picture);
    let folder = Folder::new(&[
        ("tags.csv", list.as_bytes()),
        ("one.JPG", &one),
        ("b/two.jpg", &two),
        ("c,d.png", &three),
        ("masks/b/two.png", &mask()),
    ]);
    let data = folder.open().unwrap();
    assert_eq!(data.classes(), ["cat", "dog", "zebra"]);
    let train = data.split("train").unwrap();
    assert_eq!(ids(&train), [("b/two", &[0, 1][..]), ("one", &[2])]);
    assert_eq!((shade(&train[0]), shade(&train[1])), (90, 20));
    assert_eq!(train[0].read_mask([4, 2], 3).unwrap().labels, [0, 1, 1, 0, 0, 2, 2, 255]);
    assert_says(&train[1].read_mask([4, 2], 3).unwrap_err(), &["\"one\"", "no mask"]);
    assert_eq!(ids(&data.split("val").unwrap()), [("c,d", &[0][..])]);
    assert!(data.report().is_empty(), "{}", data.report());
}

#[test]
fn reads_one_folder_for_each_tag() {
    let [one, two, three] = [20, 90, 160].map(picture);
    let folder = Folder::new(&[
        ("dog/a.jpg", &one),
        ("cat/a.jpg", &one),
        ("ant/a.jpg", &two),
        ("dog/b.png", &three),
        ("dog/.hidden", b""),
        ("masks/cat/a.png", &mask()),
    ]);
    let data = folder.open().unwrap();
    assert_eq!(data.classes(), ["ant", "cat", "dog"]);
    let train = data.split("train").unwrap();
    assert_eq!(ids(&train), [("ant/a", &[0][..]), ("cat/a", &[1, 2]), ("dog/b", &[2])]);
    assert!(train[1].mask.is_some() && train[0].mask.is_none());
    assert!(data.report().is_empty(), "{}", data.report());
    assert_says(
        &data.split("val").unwrap_err(),
        &["no photo belongs to the split \"val\"", "has train", "a third column, split"],
    );
}

#[test]
fn classes_are_listed_in_an_order_of_ones_own() {
    let folder =
        Folder::new(&[("dog/a.jpg", &picture(1)), ("cat/b.jpg", &picture(2)), ("classes.txt", b"dog\nunicorn\ncat\n")]);
    let data = folder.open().unwrap();
    assert_eq!(data.classes(), ["dog", "unicorn", "cat"]);
    assert_eq!(ids(&data.split("train").unwrap()), [("cat/b", &[2][..]), ("dog/a", &[0])]);
    assert_eq!(data.report().names(Finding::UnusedClass), ["unicorn"]);
}

#[test]
fn reports_what_a_list_leaves_odd() {
    let list = "file,tags\na.jpg,cat\nb.jpg,cat;lynx\na.jpg,dog\ngone.jpg,cat\nc.jpg, ;\nd.jpg,lynx\n";
    let folder = Folder::new(&[("tags.csv", list.as_bytes()), ("classes.txt", b"cat\ndog\n")]);
    for (name, shade) in [("a.jpg", 1), ("b.jpg", 1), ("c.jpg", 60), ("d.jpg", 120), ("unlisted.jpg", 180)] {
        folder.write(name, &picture(shade));
    }
    let data = folder.open().unwrap();
    assert_eq!(ids(&data.split("train").unwrap()), [("a", &[0, 1][..]), ("b", &[0])]);
    let report = data.report();
    for (finding, names) in [
        (Finding::Missing, vec!["gone.jpg"]),
        (Finding::Untagged, vec!["unlisted.jpg", "c.jpg", "d.jpg"]),
        (Finding::UnknownTag, vec!["lynx"]),
        (Finding::UnusedClass, vec![]),
        (Finding::ListedTwice, vec!["a.jpg"]),
        (Finding::SameContent, vec!["b.jpg = a.jpg"]),
        (Finding::OtherFile, vec![]),
    ] {
        assert_eq!(report.names(finding), names, "{finding:?}");
    }
    assert!(report.to_string().contains("listed but missing, left out: 1 (gone.jpg)"), "{report}");

    let folder = Folder::new(&[("cat/a.jpg", &picture(1)), ("cat/b.heic", b"?"), ("loose.png", &picture(2))]);
    let report = folder.open().unwrap().report();
    assert_eq!(report.names(Finding::OtherFile), ["cat/b.heic"]);
    assert_eq!(report.names(Finding::Untagged), ["loose.png"]);
}

#[test]
fn refuses_bad_folders() {
    let empty = Folder::new(&[]);
    assert_says(
        &open_folder(empty.path("no")).unwrap_err(),
        &["no: does not exist", "tags.csv or one folder for each tag"],
    );
    assert_says(&empty.open().unwrap_err(), &["holds no photo with a tag", "write tags.csv with the header file,tags"]);
    let same = Folder::new(&[("cat/a.jpg", &picture(1)), ("cat/a.png", &picture(2))]);
    assert_says(&same.open().unwrap_err(), &["\"cat/a.jpg\" and \"cat/a.png\"", "rename one"]);
    let background = Folder::new(&[("Background/a.jpg", &picture(1))]);
    assert_says(&background.open().unwrap_err(), &["the tag \"Background\"", "remove the tag"]);
    for (list, parts) in [
        ("cat\ncat\n", ["line 2 repeats \"cat\" of line 1", "remove one"]),
        ("cat\n\n", ["line 2 is empty", "one class on each line"]),
        ("background\n", ["line 1 is \"background\"", "remove the line"]),
        ("", ["lists no class", "one on each line"]),
    ] {
        let folder = Folder::new(&[("cat/a.jpg", &picture(1)), ("classes.txt", list.as_bytes())]);
        assert_says(&folder.open().unwrap_err(), &["classes.txt", parts[0], parts[1]]);
    }
}

#[test]
fn refuses_bad_lists() {
    for (list, parts) in [
        ("", ["line 1 is \"\"", "begin the file with the line file,tags"]),
        ("file;tags\na.jpg;cat\n", ["line 1 is \"file;tags\"", "begin the file with"]),
        ("file,tags,author\n", ["line 1 is \"file,tags,author\"", "begin the file with"]),
        ("file,tags\na.jpg\n", ["line 2 cannot be read", "commas between the columns"]),
        ("file,tags\na.jpg,cat\n/a.jpg,cat\n", ["line 3 has the file \"/a.jpg\"", "inside the folder"]),
        ("file,tags\n../a.jpg,cat\n", ["line 2 has the file \"../a.jpg\"", "inside the folder"]),
        ("file,tags\n,cat\n", ["line 2 names no file", "write its path"]),
        ("file,tags,split\na.jpg,cat,test\n", ["line 2 has the wrong split: \"test\"", "write train or val"]),
        ("file,tags,split\na.jpg,cat,val\na.jpg,dog,train\n", ["line 3 puts a.jpg into another", "keep one"]),
        ("file,tags\na.jpg,\n", ["holds no photo with a tag", "write tags.csv"]),
    ] {
        let folder = Folder::new(&[("tags.csv", list.as_bytes()), ("a.jpg", &picture(1))]);
        assert_says(&folder.open().unwrap_err(), &["tags.csv", parts[0], parts[1]]);
    }
    let folder = Folder::new(&[("tags.csv", b"file,tags\nca\xF1.jpg,cat\n")]);
    assert_says(&folder.open().unwrap_err(), &["tags.csv", "line 2 cannot be read", "UTF-8"]);
}

#[test]
fn reads_archives() {
    let [one, two, three] = [20, 90, 160].map(picture);
    let folder = Folder::new(&[("classes.txt", b"dog\ncat\n")]);
    folder.tar(
        "0.tar",
        &[
            ("./a.json", br#"{"tags": ["cat", "dog;cat"], "caption": "?"}"#),
            ("./a.jpg", &one),
            ("./a.mask.png", &mask()),
            ("deep/er.v1/b.PNG", &two),
            ("deep/er.v1/b.txt", b"dog\n"),
            ("._a.jpg", b"resource fork"),
        ],
    );
    folder.tar("1.tar", &[("c.cls", b"cat"), ("c.jpeg", &three), ("c.json", br#"{"tags": [], "split": "val"}"#)]);
    let data = open_archives(folder.path("")).unwrap();
    assert_eq!(data.classes(), ["dog", "cat"]);
    let train = data.split("train").unwrap();
    assert_eq!(ids(&train), [("a", &[0, 1][..]), ("deep/er.v1/b", &[0])]);
    assert_eq!((shade(&train[0]), shade(&train[1])), (20, 90));
    assert_eq!(train[0].read_mask([4, 2], 2).unwrap().labels, [0, 1, 1, 0, 0, 2, 2, 255]);
    let val = data.split("val").unwrap();
    assert_eq!((ids(&val), shade(&val[0])), (vec![("c", &[1][..])], 160));
    assert!(data.report().is_empty(), "{}", data.report());
    // One archive alone has no list of classes.
    assert_eq!(open_archives(folder.path("0.tar")).unwrap().classes(), ["cat", "dog"]);
}

#[test]
fn reports_what_archives_leave_odd() {
    let folder = Folder::new(&[]);
    let one = picture(20);
    folder.tar("0.tar", &[("a.jpg", &one), ("a.txt", b"cat"), ("b.txt", b"dog"), ("c.jpg", &one), ("a.npy", b"")]);
    folder.tar("1.tar", &[("a.jpg", &picture(90)), ("a.txt", b"ant")]);
    let data = open_archives(folder.path("")).unwrap();
    assert_eq!(ids(&data.split("train").unwrap()), [("a", &[0, 1][..])]);
    let report = data.report();
    assert_eq!(report.names(Finding::Missing), ["b.jpg"]);
    assert_eq!(report.names(Finding::Untagged), ["c.jpg"]);
    assert_eq!(report.names(Finding::OtherFile), ["a.npy"]);
    assert_eq!(report.names(Finding::ListedTwice), ["a.jpg"]);
    assert_eq!(report.names(Finding::SameContent), ["c.jpg = a.jpg"]);
    assert_says(
        &data.split("val").unwrap_err(),
        &["split \"val\"", "has train", "\"split\": \"val\" into the KEY.json"],
    );
}

#[test]
fn refuses_bad_archives() {
    let folder = Folder::new(&[]);
    let error = |path: &Path| open_archives(path).unwrap_err();
    assert_says(&error(&folder.path("no.tar")), &["no.tar", "cannot be read"]);
    assert_says(&error(&folder.path("")), &["*.tar: does not exist", "tar archives"]);
    let good = folder.tar("good.tar", &[("a.txt", b"cat"), ("a.jpg", &picture(1))]);
    let bytes = fs::read(&good).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        folder.write(name, bytes);
        folder.path(name)
    };
    assert_says(
        &error(&write("z/photos.tar.gz", b"\x1f\x8b\x08\0\0\0\0\0")),
        &["photos.tar.gz", "compressed (gzip)", "gunzip"],
    );
    assert_says(&error(&folder.path("z")), &["photos.tar.gz", "compressed (gzip)", "gunzip"]);
    assert_says(&error(&write("x.tar", b"\x28\xb5\x2f\xfd\0\0\0\0")), &["x.tar", "compressed (zstd)", "unzstd"]);
    assert_says(&error(&write("x.tar", &[7; 1024])), &["x.tar", "is no whole tar archive", "copy or make it again"]);
    assert_says(&error(&write("x.tar", &bytes[..1700])), &["x.tar", "ends inside a.jpg", "copy or make it again"]);
    let bad = folder.tar("x.tar", &[("a.json", br#"{"labels": []}"#), ("a.jpg", b"")]);
    assert_says(&error(&bad), &["x.tar/a.json", "missing field `tags`", "write for example {\"tags\": [\"cat\"]}"]);
    let bad = folder.tar("x.tar", &[("a.txt", b"\xff"), ("a.jpg", b"")]);
    assert_says(&error(&bad), &["x.tar/a.txt", "cannot be read"]);
    assert_says(&error(&folder.tar("x.tar", &[("a.jpg", b"")])), &["x.tar", "no photo with a tag", "KEY.json"]);

    let broken = folder.tar("x.tar", &[("a.txt", b"cat"), ("a.jpg", b"Dear diary")]);
    let sample = &open_archives(&broken).unwrap().split("train").unwrap()[0];
    assert_says(&sample.read_picture().unwrap_err(), &["x.tar/a.jpg", "Dear diary", "convert it to JPEG or PNG"]);
    write("x.tar", &bytes[..600]);
    assert_says(&sample.read_picture().unwrap_err(), &["x.tar/a.jpg", "cannot be read"]);
}
