use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;

const SMALL: Limit = Limit(64);
const SOON: Patience = Patience {
    writer: Duration::from_millis(50),
    silence: Duration::from_millis(50),
    total: Duration::from_mins(1),
};
/// A test that waits so long has failed.
const LATE: Patience = Patience {
    writer: Duration::from_mins(1),
    silence: Duration::from_mins(1),
    total: Duration::from_mins(1),
};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn fifo(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("fifo");
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
    path
}

fn told(read: Result<Vec<u8>, InputError>) -> String {
    read.expect_err("it is refused").to_string()
}

#[test]
fn reads_no_more_than_the_limit_of_whatever_never_ends() {
    let folder = folder();
    let large = folder.path().join("large");
    fs::write(&large, [b'x'; 65]).expect("written");
    for path in [large.as_path(), Path::new("/dev/zero")] {
        let error = told(read(path, SMALL));
        assert!(error.contains("larger than 64 bytes"), "{error}");
        assert!(error.contains(&path.display().to_string()), "{error}");
    }
    fs::write(&large, [b'x'; 64]).expect("written");
    assert_eq!(read(&large, SMALL).expect("it fits").len(), 64);
    assert_eq!(read(Path::new("/dev/null"), SMALL).expect("empty"), b"");
}

#[test]
fn waits_no_longer_than_told_for_a_writer_that_does_not_come() {
    let folder = folder();
    let error = told(read_patiently(&fifo(&folder), SMALL, SOON));
    assert!(error.contains("no process opened this pipe for writing within 50ms"), "{error}");
}

#[test]
fn waits_no_longer_than_told_for_a_writer_that_is_silent() {
    let folder = folder();
    let path = fifo(&folder);
    // For both: a writer alone would wait for a reader.
    let open = OpenOptions::new().read(true).write(true).open(&path).expect("both ends");
    let error = told(read_patiently(&path, SMALL, SOON));
    assert!(error.contains("no data arrived for 50ms"), "{error}");
    (&open).write_all(b"a").expect("written");
    let error = told(read_patiently(&path, SMALL, SOON));
    assert!(error.contains("no data arrived for 50ms"), "{error}");
}

#[test]
fn ends_with_a_writer_that_never_ends() {
    let folder = folder();
    let path = fifo(&folder);
    let _open = OpenOptions::new().read(true).write(true).open(&path).expect("both ends");
    let never = Patience { total: Duration::from_millis(50), ..LATE };
    let error = told(read_patiently(&path, SMALL, never));
    assert!(error.contains("not complete after 50ms"), "{error}");
}

#[test]
fn takes_what_comes_late_and_in_pieces() {
    let folder = folder();
    let path = fifo(&folder);
    // It waits for a reader.
    let mut writer = Command::new("sh")
        .args(["-c", "exec >\"$0\"; printf a; printf b; printf c"])
        .arg(&path)
        .spawn()
        .expect("sh");
    let read = read_patiently(&path, SMALL, LATE).expect("all of it");
    assert_eq!(read, b"abc");
    assert!(writer.wait().expect("it ends").success());
}

#[test]
fn names_the_encoding_of_text_that_is_not_utf_8() {
    let text = "{\"a\": \"\u{e4}\"}";
    let units: Vec<u16> = text.encode_utf16().collect();
    let wide = |bytes: fn(u16) -> [u8; 2]| units.iter().copied().flat_map(bytes).collect();
    let (little, big): (Vec<u8>, Vec<u8>) = (wide(u16::to_le_bytes), wide(u16::to_be_bytes));
    let utf_32: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    for (bytes, name) in [
        ([&b"\xff\xfe"[..], &little].concat(), "UTF-16 "),
        ([&b"\xfe\xff"[..], &big].concat(), "UTF-16 "),
        (little, "UTF-16LE"),
        (big, "UTF-16BE"),
        ([&b"\xff\xfe\0\0"[..], &utf_32].concat(), "UTF-32 "),
        (utf_32, "UTF-32LE"),
    ] {
        let error = decode(bytes).expect_err(name).to_string();
        assert!(error.contains(&format!("-f {name}")), "{name}: {error}");
    }
    let error = decode(b"a\nb \x93c\x94".to_vec()).expect_err("Windows").to_string();
    assert!(error.contains("0x93 in line 2"), "{error}");
    assert_eq!(decode(b"\xef\xbb\xbfa".to_vec()).expect("UTF-8"), "a");
    assert_eq!(decode(text.into()).expect("UTF-8"), text);
    assert_eq!(decode(Vec::new()).expect("UTF-8"), "");
}

#[test]
fn refuses_folders_loops_and_what_a_server_can_not_follow() {
    let folder = folder();
    let error = told(read(folder.path(), SMALL));
    assert!(error.contains(": is a folder; give a file"), "{error}");
    let looped = folder.path().join("loop");
    std::os::unix::fs::symlink(&looped, &looped).expect("a link");
    let error = told(read(&looped, SMALL));
    assert!(error.contains("symbolic link"), "{error}");
    for path in [fifo(&folder), "/dev/zero".into(), folder.path().into()] {
        let error = read_file(&path, SMALL).expect_err("no regular file").to_string();
        assert!(error.contains("not a regular file"), "{error}");
    }
    let missing = read_file(&folder.path().join("missing"), SMALL).expect_err("nothing");
    assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    let missing = read(&folder.path().join("missing"), SMALL).expect_err("nothing").into_problem();
    assert!(matches!(missing, Problem::Io(error) if error.kind() == io::ErrorKind::NotFound));
}

#[test]
fn lists_a_folder_as_far_as_it_may_be_large() {
    let folder = folder();
    for name in ["b.yaml", "a.yaml", "c.txt"] {
        fs::write(folder.path().join(name), "").expect("written");
    }
    let is_yaml = |path: &Path| path.extension().is_some_and(|it| it == "yaml");
    let listed = list(folder.path(), 3, is_yaml).expect("a list");
    assert_eq!(listed, ["a.yaml", "b.yaml"].map(|name| folder.path().join(name)));
    let error = list(folder.path(), 2, is_yaml).expect_err("too many").to_string();
    assert!(error.contains("more than 2 files"), "{error}");
}
