//! The decisions about the managed certificates: case by case, and in a model
//! of several replicas beside an API server.

mod cases;
mod clocks;
mod fixtures;
mod model;
mod sequences;
mod serving;
mod views;
