//! Versions and cipher suites, as the Go webhook's flags name them, and the
//! rustls configuration made of them.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use rustls::{ServerConfig, SupportedCipherSuite, SupportedProtocolVersion, version};

/// Why the settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("unknown TLS version {:?}; set --tls-min-version to 1.2 or 1.3", text::shortened(.0, 64))]
    ParseVersion(String),
    #[error(
        "no cipher suite of --tls-cipher-suites is supported; leave the flag out, or choose from {}",
        tls12_names().collect::<Vec<_>>().join(", ")
    )]
    ChooseCipherSuites,
    #[error("failed to configure TLS: {0}; leave --tls-cipher-suites out")]
    Configure(#[from] rustls::Error),
}

/// The oldest version that is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinVersion {
    #[default]
    Tls12,
    Tls13,
}

impl MinVersion {
    /// `1.2`, `1.3`, or Go's names (`VersionTLS12`); empty is the default.
    /// Second, what to warn of.
    pub fn parse(text: &str) -> Result<(Self, Vec<String>), SettingsError> {
        let number = text.strip_prefix("VersionTLS").unwrap_or(text);
        match number {
            "" | "1.2" | "12" => Ok((Self::Tls12, Vec::new())),
            "1.3" | "13" => Ok((Self::Tls13, Vec::new())),
            "1.0" | "10" | "1.1" | "11" => {
                let warning = format!("--tls-min-version {text} is not supported: using 1.2");
                Ok((Self::Tls12, vec![warning]))
            }
            _ => Err(SettingsError::ParseVersion(text.to_owned())),
        }
    }

    fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        static FROM_1_2: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
        match self {
            Self::Tls12 => &FROM_1_2,
            Self::Tls13 => &FROM_1_2[..1],
        }
    }
}

/// The suites that are served.
#[derive(Clone, Debug, PartialEq)]
pub struct CipherSuites(Vec<SupportedCipherSuite>);

impl Default for CipherSuites {
    /// All that rustls has.
    fn default() -> Self {
        Self(aws_lc_rs::ALL_CIPHER_SUITES.to_vec())
    }
}

impl CipherSuites {
    /// From a comma-separated list of IANA names. As in Go it restricts TLS 1.2
    /// alone: the suites of TLS 1.3 always stay. Empty is the default. Second,
    /// what to warn of.
    /// <https://pkg.go.dev/crypto/tls#Config>
    pub fn parse(text: &str, min: MinVersion) -> Result<(Self, Vec<String>), SettingsError> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let mut chosen = Vec::new();
        let mut warnings = Vec::new();
        let mut named_any = false;
        for name in names {
            named_any = true;
            match aws_lc_rs::ALL_CIPHER_SUITES.iter().find(|suite| is_named(suite, name)) {
                Some(suite) if suite.tls13().is_some() => warnings.push(format!(
                    "{name} in --tls-cipher-suites has no effect: TLS 1.3 suites are always on"
                )),
                Some(suite) => chosen.push(*suite),
                None => warnings
                    .push(format!("{name} in --tls-cipher-suites is not supported: ignored")),
            }
        }
        if !named_any {
            return Ok((Self::default(), warnings));
        }
        if chosen.is_empty() && min == MinVersion::Tls12 {
            return Err(SettingsError::ChooseCipherSuites);
        }
        let tls13 = aws_lc_rs::ALL_CIPHER_SUITES.iter().filter(|suite| suite.tls13().is_some());
        Ok((Self(tls13.copied().chain(chosen).collect()), warnings))
    }
}

/// What the HTTPS server speaks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TlsSettings {
    pub min_version: MinVersion,
    pub cipher_suites: CipherSuites,
}

impl TlsSettings {
    /// `clients` judges their certificates: without any,
    /// `WebPkiClientVerifier::no_client_auth()`.
    ///
    /// The provider is named, so that nothing depends on which one the process
    /// has installed.
    pub fn server_config(
        &self,
        resolver: Arc<dyn ResolvesServerCert>,
        clients: Arc<dyn ClientCertVerifier>,
    ) -> Result<Arc<ServerConfig>, SettingsError> {
        let provider = CryptoProvider {
            cipher_suites: self.cipher_suites.0.clone(),
            ..aws_lc_rs::default_provider()
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(self.min_version.versions())?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(resolver);
        // The API server calls webhooks over HTTP/1.1 alone.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // It keeps connections and no sessions: to store any, or to send
        // tickets, would be work and memory that strangers can ask for.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }
}

fn is_named(suite: &SupportedCipherSuite, name: &str) -> bool {
    let Some(own) = iana_name(suite) else { return false };
    // Go and Kubernetes also know the ChaCha20 suites by their first names.
    own == name || own.strip_suffix("_SHA256") == Some(name) && own.contains("CHACHA20")
}

/// rustls writes the suites of TLS 1.3 as `TLS13_...`, IANA as `TLS_...`.
fn iana_name(suite: &SupportedCipherSuite) -> Option<String> {
    let name = suite.suite().as_str()?;
    Some(name.replacen("TLS13_", "TLS_", 1))
}

fn tls12_names() -> impl Iterator<Item = String> {
    let tls12 = aws_lc_rs::ALL_CIPHER_SUITES.iter().filter(|suite| suite.tls13().is_none());
    tls12.filter_map(iana_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(suites: &CipherSuites) -> Vec<String> {
        suites.0.iter().filter(|suite| suite.tls13().is_none()).filter_map(iana_name).collect()
    }

    #[test]
    fn reads_versions_as_numbers_and_as_go_names_them() {
        for (text, version) in [
            ("", MinVersion::Tls12),
            ("1.2", MinVersion::Tls12),
            ("VersionTLS12", MinVersion::Tls12),
            ("1.3", MinVersion::Tls13),
            ("VersionTLS13", MinVersion::Tls13),
        ] {
            let (read, warnings) = MinVersion::parse(text).expect("a version");
            assert_eq!((read, warnings.len()), (version, 0), "{text}");
        }
    }

    #[test]
    fn serves_1_2_where_something_older_is_asked_for_and_says_so() {
        for text in ["1.0", "1.1", "VersionTLS10", "VersionTLS11"] {
            let (read, warnings) = MinVersion::parse(text).expect("a version");
            assert_eq!((read, warnings.len()), (MinVersion::Tls12, 1), "{text}");
        }
        assert!(MinVersion::parse("SSLv3").is_err());
    }

    #[test]
    fn restricts_tls_1_2_to_the_suites_named_and_keeps_those_of_tls_1_3() {
        let text = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305";
        let (suites, warnings) = CipherSuites::parse(text, MinVersion::Tls12).expect("suites");
        assert_eq!(
            names(&suites),
            [
                "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
            ]
        );
        assert_eq!(suites.0.iter().filter(|suite| suite.tls13().is_some()).count(), 3);
        assert!(warnings.is_empty(), "{warnings:?}");
    }

    #[test]
    fn skips_what_rustls_lacks_with_a_warning() {
        let text = "TLS_RSA_WITH_AES_128_CBC_SHA,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";
        let (suites, warnings) = CipherSuites::parse(text, MinVersion::Tls12).expect("suites");
        assert_eq!(names(&suites), ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"]);
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].contains("TLS_RSA_WITH_AES_128_CBC_SHA"), "{warnings:?}");
    }

    #[test]
    fn refuses_a_list_that_leaves_no_suite() {
        let text = "TLS_RSA_WITH_AES_128_CBC_SHA,TLS_AES_128_GCM_SHA256";
        let error = CipherSuites::parse(text, MinVersion::Tls12).expect_err("none left");
        assert!(error.to_string().contains("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"), "{error}");
        let (_, warnings) = CipherSuites::parse(text, MinVersion::Tls13).expect("1.3 needs none");
        assert_eq!(warnings.len(), 2);
    }

    #[test]
    fn takes_an_empty_list_for_all() {
        let (suites, warnings) = CipherSuites::parse(" ", MinVersion::Tls12).expect("suites");
        assert_eq!(suites.0.len(), aws_lc_rs::ALL_CIPHER_SUITES.len());
        assert!(warnings.is_empty());
    }
}
