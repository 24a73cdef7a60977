//! A list that grows without being moved.

/// Items of one piece of memory.
const CHUNK: usize = 256;

/// A list in pieces: a growing `Vec` would have up to three times the room that
/// its items need, and a review can have a million of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunks<T> {
    full: Vec<Vec<T>>,
    last: Vec<T>,
}

impl<T> Chunks<T> {
    #[inline]
    pub(super) fn push(&mut self, item: T) {
        if self.last.len() == CHUNK {
            let full = std::mem::replace(&mut self.last, Vec::with_capacity(CHUNK));
            self.full.push(full);
        }
        self.last.push(item);
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = T> {
        self.full.into_iter().flatten().chain(self.last)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.full.len() * CHUNK + self.last.len()
    }

    pub(super) fn get(&self, place: usize) -> Option<&T> {
        let (chunk, within) = (place / CHUNK, place % CHUNK);
        let is_last = chunk == self.full.len();
        (if is_last { Some(&self.last) } else { self.full.get(chunk) })?.get(within)
    }

    /// Where the items begin for which `is_before` does not hold; it holds for
    /// all that stand before one for which it does.
    pub(super) fn partition_point(&self, is_before: impl Fn(&T) -> bool) -> usize {
        let whole = self.full.partition_point(|chunk| chunk.last().is_some_and(&is_before));
        let rest = self.full.get(whole).unwrap_or(&self.last);
        whole * CHUNK + rest.partition_point(&is_before)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + Clone {
        self.full.iter().flatten().chain(&self.last)
    }
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { full: Vec::new(), last: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_was_pushed_in_its_order() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7] {
            let mut chunks = Chunks::default();
            (0..length).for_each(|item| chunks.push(item));
            assert_eq!(chunks.len(), length);
            assert!(chunks.iter().copied().eq(0..length), "{length}");
            assert!((0..length).all(|place| chunks.get(place) == Some(&place)), "{length}");
            assert_eq!(chunks.get(length), None);
            for place in [0, 1, length / 2, length] {
                let found = chunks.partition_point(|item| *item < place);
                assert_eq!(found, place.min(length), "{length}");
            }
        }
    }
}
