//! The parts of an admission, without the server around them.
//!
//! The domain is compiled here from the program's own files. It is pure: so this needs no client, no TLS and no runtime, and is built in
//! seconds, where the program with all of them takes minutes.

#[path = "../../../src/admission/mod.rs"]
pub mod admission;
#[path = "../../../src/identity/mod.rs"]
pub mod identity;
#[path = "../../../src/json/mod.rs"]
pub mod json;
#[path = "../../../src/mutation/mod.rs"]
pub mod mutation;

pub mod reviews;
pub mod scene;
