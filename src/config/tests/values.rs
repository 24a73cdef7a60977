//! Values of flags, whatever the command.

use super::*;

/// What an error or a warning says, whatever the command.
fn told<T>(read: Result<(T, Vec<String>), ConfigError>) -> String {
    match read {
        Ok((_, warnings)) => warnings.join("\n"),
        Err(error) => crate::cli::usage_error(&["serve"], &error).to_string(),
    }
}

fn leaves(command: &clap::Command, path: &[String]) -> Vec<(Vec<String>, clap::Command)> {
    let below =
        |inner: &clap::Command| leaves(inner, &[path, &[inner.get_name().to_owned()]].concat());
    let inner: Vec<_> = command.get_subcommands().flat_map(below).collect();
    if inner.is_empty() { vec![(path.to_vec(), command.clone())] } else { inner }
}

#[test]
fn repeats_no_more_of_a_value_than_helps_in_any_flag_of_any_command() {
    let long = "x".repeat(100_000);
    for (path, command) in leaves(&Cli::command(), &[]) {
        for argument in command.get_arguments() {
            let typed = match argument.get_long() {
                Some(name) => format!("--{name}={long}"),
                None => long.clone(),
            };
            let target = (command.get_name() == "doctor" && !argument.is_positional())
                .then(|| "pod/app".to_owned());
            let words = ["webhook".to_owned()].into_iter().chain(path.clone());
            let read = Cli::try_parse_from(words.chain([typed]).chain(target));
            let told = match read.map(Cli::into_command) {
                Err(error) => crate::cli::presentable(error).to_string(),
                Ok(Command::Serve(args)) => told(Config::from_args(*args)),
                Ok(Command::Inject(args)) => told(Injection::from_args(*args)),
                Ok(Command::Doctor(args)) => told(Examination::from_args(*args)),
                Ok(Command::Audit(args)) => told(Auditing::from_args(*args)),
                // They read their values as they run.
                Ok(_) => continue,
            };
            assert!(told.len() < 2_000, "{path:?} {argument}: {} bytes", told.len());
        }
    }
}

#[test]
fn takes_no_control_characters_where_a_value_goes_into_pods() {
    for flag in [
        "--token-audience",
        "--token-mount-path",
        "--aws-default-region",
        "--annotation-prefix",
        "--webhook-config-name",
        "--container-credentials-audience",
        "--container-credentials-token-mount-path",
        "--container-credentials-token-path",
        "--container-credentials-full-uri",
    ] {
        for start in ["/a", "a", "http://a"] {
            for odd in ["\0", "\n", "\u{1b}", "\u{9b}"] {
                let read = read(&[&format!("{flag}={start}{odd}b")]);
                read.map(|_| ()).expect_err(flag);
            }
        }
    }
    for region in ["eu west", "eu.west", "eu_west", "\u{fc}"] {
        let error = refused(&[&format!("--aws-default-region={region}")]);
        assert!(error.contains("letters, digits and hyphens"), "{error}");
    }
}
