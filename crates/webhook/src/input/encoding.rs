//! Text is UTF-8. Editors and shells of Windows write UTF-16, which reads as
//! UTF-8 with NULs, or as nothing at all.

use super::Problem;

/// UTF-8 without its byte order mark.
///
/// # Errors
/// Another encoding, by its mark or by where its NULs are; bytes that are no text.
pub fn decode(mut bytes: Vec<u8>) -> Result<String, Problem> {
    check_encoding(&bytes)?;
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let line = bytes[..at].split(|byte| *byte == b'\n').count();
        Problem::NotText { line, byte: bytes.get(at).copied().unwrap_or_default() }
    })
}

/// For what need not be text as a whole, such as PEM.
///
/// # Errors
/// UTF-16 and UTF-32.
pub fn check_encoding(bytes: &[u8]) -> Result<(), Problem> {
    let marked = match bytes {
        // UTF-32's mark begins with that of UTF-16.
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        _ => None,
    };
    // Without a mark: such text begins with ASCII.
    let first = bytes.first_chunk::<4>().map(|first| first.map(|byte| byte == 0));
    let name = marked.or(match first {
        Some([false, true, true, true]) => Some("UTF-32LE"),
        Some([true, true, true, false]) => Some("UTF-32BE"),
        Some([false, true, false, true]) => Some("UTF-16LE"),
        Some([true, false, true, false]) => Some("UTF-16BE"),
        _ => None,
    });
    name.map_or(Ok(()), |name| Err(Problem::Encoding(name)))
}
