//! The program: everything it does is in the library.

use std::process::ExitCode;

use pod_identity_webhook::{cli::Cli, run};

/// Admissions allocate little but often, and large reviews in pieces that the system's allocator gives back to the
/// kernel each time.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before anything speaks TLS: kube's client asks for the process's default.
    // It fails only where there is one already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    run::run(Cli::read())
}
