//! The first look at a text: which quotes and backslashes stand where, 64 bytes at a time and without asking what
//! they mean.

use fearless_simd::{Level, Simd, SimdBase as _, SimdMask as _, dispatch, u8x64};

use super::Unsure;

pub(super) const WINDOW: usize = 64;

/// 64 bytes of a text: a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// The quotes, but for the escaped ones.
    pub(super) quotes: u64,
    /// All backslashes.
    pub(super) backslashes: u64,
}

/// Goes over the text with the widest vectors of this machine. The windows take a quarter of its bytes.
///
/// A text with control characters, or with a backslash before what no escape of JSON has, is left to `serde_json`.
pub(super) fn look_over(text: &[u8]) -> Result<Vec<Marks>, Unsure> {
    look_over_by(Level::new(), text)
}

fn look_over_by(level: Level, text: &[u8]) -> Result<Vec<Marks>, Unsure> {
    let (whole, rest) = text.as_chunks();
    let mut last = [[b' '; WINDOW]];
    let last = match last[0].get_mut(..rest.len()) {
        Some(part) if !rest.is_empty() => {
            part.copy_from_slice(rest);
            last.as_slice()
        }
        _ => &[],
    };
    let mut windows = vec![Marks::default(); whole.len() + last.len()];
    let (marks, last_marks) = windows.split_at_mut(whole.len());
    let has_controls = dispatch!(level, simd => find(simd, whole, marks))
        || dispatch!(level, simd => find(simd, last, last_marks));
    if has_controls { Err(Unsure) } else { leave_out_escaped(text, &mut windows).map(|()| windows) }
}

/// All quotes and backslashes of these windows, and whether there is a control character.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it is compiled for each width of vectors")]
fn find<S: Simd>(simd: S, windows: &[[u8; WINDOW]], marks: &mut [Marks]) -> bool {
    let mut lowest = u8x64::splat(simd, u8::MAX);
    for (window, marks) in windows.iter().zip(marks) {
        let bytes = u8x64::from_slice(simd, window);
        lowest = lowest.min(bytes);
        marks.quotes = bytes.simd_eq(b'"').to_bitmask();
        marks.backslashes = bytes.simd_eq(b'\\').to_bitmask();
    }
    lowest.simd_lt(b' ').any_true()
}

/// Takes the quotes away that a backslash escapes. Nearly no window has a backslash. One outside of a string, which
/// escapes nothing, does no harm: whoever goes over the items comes to it and gives up.
fn leave_out_escaped(text: &[u8], windows: &mut [Marks]) -> Result<(), Unsure> {
    let mut carry = false;
    for (index, window) in windows.iter_mut().enumerate() {
        let Marks { quotes, backslashes } = *window;
        if backslashes == 0 && !carry {
            continue;
        }
        let escaped;
        (escaped, carry) = escapes(backslashes, carry);
        let rest = text.get(index * WINDOW..).unwrap_or_default();
        check_escapes(rest, escaped & !(quotes | backslashes))?;
        window.quotes = quotes & !escaped;
    }
    Ok(())
}

/// Whether each byte that stands behind an escaping backslash may. Quotes and backslashes, which may and are nearly
/// all of them, are not among `others`.
#[inline]
fn check_escapes(rest: &[u8], mut others: u64) -> Result<(), Unsure> {
    while others != 0 {
        let at = others.trailing_zeros() as usize;
        others &= others - 1;
        match rest.get(at..).unwrap_or_default() {
            [b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => {}
            [b'u', digits @ ..] => match digits.first_chunk::<4>() {
                Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => {}
                _ => return Err(Unsure),
            },
            _ => return Err(Unsure),
        }
    }
    Ok(())
}

/// The bytes that a backslash escapes, and whether the first one of the next window is. The first byte
/// is where the window before ended with an escaping backslash.
///
/// A row of backslashes escapes every second byte from its second on. Those that begin at an odd place are
/// added to all: the sum carries through each such row, and so changes which places of it are even.
/// (The way of simdjson: Langdale, Lemire, "Parsing Gigabytes of JSON per Second", 2019, section 3.1.1.)
#[inline]
fn escapes(backslashes: u64, is_escaped: bool) -> (u64, bool) {
    const EVEN: u64 = u64::MAX / 3;
    let first = u64::from(is_escaped);
    let backslashes = backslashes & !first;
    let behind = backslashes << 1 | first;
    let odd_rows = backslashes & !EVEN & !behind;
    let (rows, carry) = odd_rows.overflowing_add(backslashes);
    ((EVEN ^ rows << 1) & behind, carry)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    /// From byte to byte, of a text without control characters.
    fn walked(text: &[u8]) -> Vec<Marks> {
        let mut windows = vec![Marks::default(); text.len().div_ceil(WINDOW)];
        let mut is_escaped = false;
        for (at, byte) in text.iter().enumerate() {
            let (window, bit) = (&mut windows[at / WINDOW], 1 << (at % WINDOW));
            match byte {
                b'"' if !is_escaped => window.quotes |= bit,
                b'\\' => window.backslashes |= bit,
                _ => {}
            }
            is_escaped = *byte == b'\\' && !is_escaped;
        }
        windows
    }

    /// Those that this machine has.
    fn levels() -> impl Iterator<Item = Level> {
        let best = Level::new();
        #[cfg(target_arch = "x86_64")]
        let others = [best.as_avx2().map(Level::Avx2), best.as_sse4_2().map(Level::Sse4_2)];
        #[cfg(not(target_arch = "x86_64"))]
        let others = [None, None];
        [best, Level::baseline()].into_iter().chain(others.into_iter().flatten())
    }

    proptest! {
        #[test]
        fn finds_the_same_as_a_walk_with_vectors_of_each_width(
            text in r#"([ -\[\]-~]{0,70}|"{0,3}|(\\\\){0,40}|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}|ä){0,12}"#,
            control in (any::<Index>(), 0..b' ')
        ) {
            for level in levels() {
                let found = look_over_by(level, text.as_bytes());
                prop_assert_eq!(found, Ok(walked(text.as_bytes())), "{:?}", level);
                let mut odd = text.clone().into_bytes();
                odd.insert(control.0.index(odd.len() + 1), control.1);
                prop_assert_eq!(look_over_by(level, &odd), Err(Unsure), "{:?}", level);
            }
        }

        #[test]
        fn finds_what_is_escaped_as_a_walk_from_byte_to_byte_does(
            windows in proptest::collection::vec(any::<[u64; 3]>(), 1..4)
        ) {
            let (mut carry, mut walks_carry) = (false, false);
            for [some, more, fewer] in windows {
                // Long rows and short ones.
                let backslashes = (some | more) & (fewer | more.rotate_left(1));
                let mut walked = 0;
                for bit in 0..64 {
                    if walks_carry {
                        walked |= 1 << bit;
                        walks_carry = false;
                    } else {
                        walks_carry = backslashes >> bit & 1 == 1;
                    }
                }
                let found;
                (found, carry) = escapes(backslashes, carry);
                prop_assert_eq!((found, carry), (walked, walks_carry));
            }
        }
    }
}
