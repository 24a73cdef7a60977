//! What an answer takes of memory, for those who bound the process'.

/// Bytes that the parsed review and the plan hold at most, for each byte of
/// the review, which stays in memory beside them.
///
/// The worst are lists of the smallest items that mean something; an ordinary
/// review takes less than one.
pub const MEMORY_FACTOR: usize = 6;

/// Bytes that the patch and the answer hold at most while they are written,
/// whatever the size of the review.
pub const ANSWER_MEMORY: usize = 6 << 20;

/// Bytes of an answer at most: the patch in base64, and what is around it.
pub const MAX_ANSWER_BYTES: usize = 3 << 20;
