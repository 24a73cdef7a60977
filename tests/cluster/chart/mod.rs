//! The Helm chart, with the real helm: what it renders, and what becomes of an installation.

mod flags;
mod installation;
mod render;
mod same;
mod values;
