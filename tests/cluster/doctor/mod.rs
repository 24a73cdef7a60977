//! `doctor` on a real control plane with a real webhook and an issuer of its own over HTTPS: one
//! link is broken at a time, and that one has to be named, and no other.

mod answers;
mod by_hand;
mod installed;
mod leaks;
mod planted;
mod planted_cluster;
mod published;
mod scenarios;
mod scene;
