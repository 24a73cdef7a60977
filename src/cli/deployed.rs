//! The flags of a webhook that runs elsewhere.

use std::collections::BTreeMap;

use clap::parser::ValueSource;
use clap::{Arg, CommandFactory as _, FromArgMatches as _, Parser};

use super::serve::ServeArgs;

/// What `serve` takes, by the same definition.
#[derive(Parser)]
#[command(name = "serve", no_binary_name = true, args_override_self = true)]
struct Deployed {
    #[command(flatten)]
    serve: ServeArgs,
}

/// The flags of a webhook by its own command line and environment: nothing of this process's
/// environment counts.
///
/// # Errors
/// Arguments that `serve` would not take.
pub fn deployed(args: &[String], env: &BTreeMap<String, String>) -> Result<ServeArgs, clap::Error> {
    let args = match args {
        [serve, args @ ..] if serve == "serve" => args,
        args => args,
    };
    let command = || Deployed::command().mut_args(|arg: Arg| arg.env(None::<&str>));
    let given = command().try_get_matches_from(args)?;
    let definition = Deployed::command();
    let from_env = definition.get_arguments().filter_map(|arg| {
        let value = env.get(arg.get_env()?.to_str()?)?;
        let is_given = given.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
        // A flag overrides its variable.
        (!is_given).then(|| Some(format!("--{}={value}", arg.get_long()?)))?
    });
    let all: Vec<_> = from_env.chain(args.iter().cloned()).collect();
    let matches = command().try_get_matches_from(all)?;
    Ok(Deployed::from_arg_matches(&matches)?.serve)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str], env: &[(&str, &str)]) -> Result<ServeArgs, clap::Error> {
        let args: Vec<_> = args.iter().map(ToString::to_string).collect();
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        deployed(&args, &env.collect())
    }

    #[test]
    fn reads_flags_and_variables_as_serve_does() {
        let read = |args: &[&str], env: &[(&str, &str)]| read(args, env).expect("flags");
        // As the Go webhook is started.
        let go = [
            "--in-cluster=false",
            "--namespace=eks",
            "--annotation-prefix=x.io",
            "--v=3",
            "--logtostderr",
        ];
        assert_eq!(read(&go, &[]).web_identity.annotation_prefix, "x.io");
        let audience =
            |args: &[&str], env: &[(&str, &str)]| read(args, env).web_identity.token_audience;
        let variable = ("PODID_TOKEN_AUDIENCE", "of-the-variable");
        assert_eq!(audience(&[], &[variable]), "of-the-variable");
        assert_eq!(audience(&["serve"], &[("PODID_TOKEN", "x")]), "sts.amazonaws.com");
        assert_eq!(
            audience(&["serve", "--token-audience", "of-the-flag"], &[variable]),
            "of-the-flag"
        );
        assert_eq!(audience(&["--token-audience=a", "--token-audience=b"], &[]), "b");
        assert!(read(&[], &[("PODID_WATCH_CONFIG_MAP", "true")]).source.watch_config_map);
    }

    #[test]
    fn refuses_what_serve_would_not_take() {
        for args in
            [&["-c", "exec webhook"][..], &["audit"], &["--unknown"], &["--help"], &["--port=x"]]
        {
            assert!(read(args, &[]).is_err(), "{args:?}");
        }
        assert!(read(&[], &[("PODID_PORT", "x")]).is_err());
    }
}
