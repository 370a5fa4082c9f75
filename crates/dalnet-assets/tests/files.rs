//! Writing files that are whole or absent.

use std::fs;

use dalnet_assets::files::write_atomically;

#[test]
fn missing_folders_are_made_and_nothing_unfinished_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/result.bin");
    for content in ["first", "second"] {
        write_atomically(&path, content.as_bytes()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
    assert_eq!(fs::read_dir(folder.path().join("a/b")).unwrap().count(), 1);
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("blocked");
    fs::write(&blocked, "a file, no folder").unwrap();
    let message = write_atomically(&blocked.join("result.bin"), b"x").unwrap_err().to_string();
    assert!(
        message.contains("result.bin: cannot be written") && message.contains("is the folder writable"),
        "{message}"
    );

    let taken = folder.path().join("taken");
    fs::create_dir(&taken).unwrap();
    let message = write_atomically(&taken, b"x").unwrap_err().to_string();
    assert!(message.contains("taken: cannot be written"), "{message}");
    assert!(!folder.path().join("taken.partial").exists(), "nothing unfinished is left");
}
