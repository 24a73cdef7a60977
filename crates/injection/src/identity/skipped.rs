//! What a document's reader passed over.

/// The errors of entries that were skipped: the first few in full, and how many there
/// are. A document may have a hundred thousand of them.
#[derive(Debug)]
pub struct Skipped<E> {
    kept: Vec<E>,
    total: usize,
}

impl<E> Skipped<E> {
    const KEPT: usize = 16;

    pub(super) fn push(&mut self, error: impl FnOnce() -> E) {
        if self.kept.len() < Self::KEPT {
            self.kept.push(error());
        }
        self.total += 1;
    }

    /// The first errors, in the order of the document; at most 16.
    #[must_use]
    pub fn kept(&self) -> &[E] {
        &self.kept
    }

    /// How many errors there are, kept or not.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total
    }
}

impl<E> Default for Skipped<E> {
    fn default() -> Self {
        Self { kept: Vec::new(), total: 0 }
    }
}
