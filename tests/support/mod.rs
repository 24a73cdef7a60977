//! What the integration tests stand on: a real control plane (`ControlPlane`), our program as a
//! process (`Webhook`), and its registration with that control plane.
//!
//! A test program has it as a module, for cargo compiles each program by itself. What one program alone needs is
//! beside its tests. Everything here panics where it can't go on: it runs in tests alone, and a panic is how a test
//! says what went wrong.
#![allow(
    dead_code,
    unused_imports,
    reason = "each test program, `make demo` and `make bench` use a part of it; `git grep` finds what none does"
)]
#![allow(
    unreachable_pub,
    missing_debug_implementations,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "test code: see above"
)]

mod audit;
mod chart_svg;
mod components;
mod control_plane;
mod dashboard;
mod fake_clock;
mod footprint;
mod from_file;
mod helm;
mod http;
mod injector;
mod keeper;
mod kubeconfig;
mod manifests;
mod namespace;
mod pki;
mod poll;
mod prometheus;
mod registration;
mod relay;
mod review;
mod scratch;
mod terminal;
mod webhook;

pub use self::{
    audit::Call,
    chart_svg::{Chart, draw},
    components::{free_port, kubectl},
    control_plane::{ControlPlane, Options, control_plane},
    dashboard::{PanelQuery, dashboard, of_all, panel_queries},
    footprint::raise_open_files,
    from_file::{ACCOUNTS, accounts, from_file},
    helm::{Helm, chart},
    http::{Connection, Dialer, Reply, client_config, get, send},
    injector::Injector,
    keeper::{Process, process_is_gone},
    kubeconfig::kubeconfig_with_token,
    manifests::{accepted, apply, cluster_name, grant_shipped, shipped},
    namespace::{Admitted, Namespace, overlaid, pod, service_account},
    pki::{Authority, Pair},
    poll::{SOON, eventually, poll},
    prometheus::{Prometheus, Series, prometheus_tools, promtool},
    registration::{Registration, register, store as store_registration},
    relay::Relay,
    review::{Answer, Reviewer, post, review},
    scratch::Scratch,
    terminal::{Session, on_terminal},
    webhook::{Builder, Launched, Webhook},
};
