//! What an answer takes of memory, for those who bound the process'.

/// Bytes that the parsed review and the plan take at most for each byte of the
/// review. The review itself stays in memory too and is not counted.
///
/// The worst are lists of the smallest items that mean something; an ordinary
/// review takes less than one.
pub const MEMORY_FACTOR: usize = 6;

/// Bytes that the patch and the answer take at most while they are written,
/// whatever the size of the review.
pub const ANSWER_MEMORY: usize = 6 << 20;

/// The longest answer in bytes: the patch in base64, and what is around it.
pub const MAX_ANSWER_BYTES: usize = 3 << 20;
