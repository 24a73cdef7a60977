//! The flags of klog, the Go peer's logging library: command lines have them.

use clap::{Args, builder::ArgAction};

use super::values::boolean;

/// Accepted, without effect: this program logs to standard error only.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Flags of the Go webhook that have no effect here")]
pub struct KlogArgs {
    #[arg(long, env = "PODID_LOGTOSTDERR", value_name = "BOOL", value_parser = boolean,
        num_args = 0..=1, require_equals = true, default_missing_value = "true",
        action = ArgAction::Set, hide_short_help = true)]
    logtostderr: Option<bool>,
    #[arg(long, env = "PODID_ALSOLOGTOSTDERR", value_name = "BOOL", value_parser = boolean,
        num_args = 0..=1, require_equals = true, default_missing_value = "true",
        action = ArgAction::Set, hide_short_help = true)]
    alsologtostderr: Option<bool>,
    #[arg(long, env = "PODID_STDERRTHRESHOLD", value_name = "SEVERITY", hide_short_help = true)]
    stderrthreshold: Option<String>,
    #[arg(long, env = "PODID_VMODULE", value_name = "PATTERNS", hide_short_help = true)]
    vmodule: Option<String>,
    #[arg(long = "log_dir", env = "PODID_LOG_DIR", value_name = "PATH", hide_short_help = true)]
    log_dir: Option<String>,
    #[arg(long = "log_file", env = "PODID_LOG_FILE", value_name = "PATH", hide_short_help = true)]
    log_file: Option<String>,
    #[arg(
        long = "log_file_max_size",
        env = "PODID_LOG_FILE_MAX_SIZE",
        value_name = "MEGABYTES",
        hide_short_help = true
    )]
    log_file_max_size: Option<String>,
    #[arg(
        long = "log_backtrace_at",
        env = "PODID_LOG_BACKTRACE_AT",
        value_name = "FILE:LINE",
        hide_short_help = true
    )]
    log_backtrace_at: Option<String>,
    #[arg(long = "skip_headers", env = "PODID_SKIP_HEADERS", value_name = "BOOL",
        value_parser = boolean, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", action = ArgAction::Set, hide_short_help = true)]
    skip_headers: Option<bool>,
    #[arg(long = "skip_log_headers", env = "PODID_SKIP_LOG_HEADERS", value_name = "BOOL",
        value_parser = boolean, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", action = ArgAction::Set, hide_short_help = true)]
    skip_log_headers: Option<bool>,
    #[arg(long = "add_dir_header", env = "PODID_ADD_DIR_HEADER", value_name = "BOOL",
        value_parser = boolean, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", action = ArgAction::Set, hide_short_help = true)]
    add_dir_header: Option<bool>,
    #[arg(long = "one_output", env = "PODID_ONE_OUTPUT", value_name = "BOOL",
        value_parser = boolean, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", action = ArgAction::Set, hide_short_help = true)]
    one_output: Option<bool>,
}

impl KlogArgs {
    /// The flags given, for the one line that says they have no effect.
    #[must_use]
    pub fn given(&self) -> Vec<&'static str> {
        let flags = [
            ("--logtostderr", self.logtostderr.is_some()),
            ("--alsologtostderr", self.alsologtostderr.is_some()),
            ("--stderrthreshold", self.stderrthreshold.is_some()),
            ("--vmodule", self.vmodule.is_some()),
            ("--log_dir", self.log_dir.is_some()),
            ("--log_file", self.log_file.is_some()),
            ("--log_file_max_size", self.log_file_max_size.is_some()),
            ("--log_backtrace_at", self.log_backtrace_at.is_some()),
            ("--skip_headers", self.skip_headers.is_some()),
            ("--skip_log_headers", self.skip_log_headers.is_some()),
            ("--add_dir_header", self.add_dir_header.is_some()),
            ("--one_output", self.one_output.is_some()),
        ];
        flags.iter().filter(|(_, given)| *given).map(|(flag, _)| *flag).collect()
    }
}
