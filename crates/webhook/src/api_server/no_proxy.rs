//! `NO_PROXY`: servers that are reached directly although the environment names a proxy, as kubectl and all of Go's
//! programs read it. The reader in hyper-util knows no ports, and no exception for this machine.
//! <https://pkg.go.dev/golang.org/x/net/http/httpproxy>

use std::net::IpAddr;

use hyper::Uri;

/// Whether the environment's proxy is not for this server.
pub(super) fn exempts(url: &Uri) -> bool {
    let of = |name| std::env::var(name).ok().filter(|list| !list.is_empty());
    let list = of("NO_PROXY").or_else(|| of("no_proxy"));
    is_exempt(url, list.as_deref().unwrap_or_default())
}

fn is_exempt(url: &Uri, list: &str) -> bool {
    let Some(host) = url.host() else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    let host = host.to_ascii_lowercase();
    let ip = host.parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
    // Nobody has a proxy on the way to this machine.
    if host == "localhost" || ip.is_some_and(|ip| ip.is_loopback()) {
        return true;
    }
    let default = if url.scheme_str() == Some("http") { 80 } else { 443 };
    let port = url.port_u16().unwrap_or(default);
    let entries = list.split(',').map(|entry| entry.trim().to_ascii_lowercase());
    entries.filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        if let Some((network, bits)) = entry.split_once('/') {
            return ip.is_some_and(|ip| is_in(ip, network, bits));
        }
        let (name, only) = with_port(&entry);
        if only.is_some_and(|only| only != port) {
            return false;
        }
        match (name.parse::<IpAddr>(), ip) {
            (Ok(named), Some(ip)) => named.to_canonical() == ip,
            (Ok(_), None) | (Err(_), Some(_)) => false,
            (Err(_), None) => is_below(&host, name),
        }
    })
}

/// `host`, `host:port`, `::1` or `[::1]:port`.
fn with_port(entry: &str) -> (&str, Option<u16>) {
    let is_bare_ip = entry.parse::<IpAddr>().is_ok();
    let (name, port) = match entry.rsplit_once(':').filter(|_| !is_bare_ip) {
        Some((name, port)) if port.parse::<u16>().is_ok() => (name, port.parse().ok()),
        _ => (entry, None),
    };
    (name.trim_start_matches('[').trim_end_matches(']'), port)
}

/// A name is for itself and all below it, with a dot before it for all below it alone.
fn is_below(host: &str, name: &str) -> bool {
    let name = name.strip_prefix('*').filter(|it| it.starts_with('.')).unwrap_or(name);
    match name.strip_prefix('.') {
        Some(domain) => {
            host.strip_suffix(domain).is_some_and(|it| it.len() > 1 && it.ends_with('.'))
        }
        None => host.strip_suffix(name).is_some_and(|it| it.is_empty() || it.ends_with('.')),
    }
}

fn is_in(ip: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or_default();
            ip.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or_default();
            ip.to_bits() & mask == network.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exempts_what_go_exempts() {
        for (url, list, is) in [
            ("https://localhost:6443", "", true),
            ("https://127.0.0.1:6443", "", true),
            ("https://[::1]:6443", "", true),
            ("https://api.example", "", false),
            ("https://api.example", "*", true),
            ("https://api.example", "other, api.example", true),
            ("https://API.example.:6443", "api.EXAMPLE", true),
            ("https://api.example", "example", true),
            ("https://api.example", ".example", true),
            ("https://api.example", "*.example", true),
            ("https://example", ".example", false),
            ("https://notexample", "example", false),
            ("https://api.example:6443", "api.example:6443", true),
            ("https://api.example", "api.example:443", true),
            ("https://api.example:6443", "api.example:443", false),
            ("https://10.1.2.3:6443", "10.0.0.0/8", true),
            ("https://10.1.2.3:6443", "10.1.2.3", true),
            ("https://10.1.2.3:6443", "10.1.2.3:6443", true),
            ("https://10.1.2.3:6443", "10.1.2.4", false),
            ("https://11.1.2.3:6443", "10.0.0.0/8", false),
            ("https://11.1.2.3:6443", "0.0.0.0/0", true),
            ("https://10.1.2.3", "2.3", false),
            ("https://[fd00::1]:6443", "fd00::/8", true),
            ("https://[fd00::1]:6443", "[fd00::1]:6443", true),
            ("https://[fd00::1]:6443", "fd00::1", true),
            ("https://[fd00::1]:6443", "fd00::2, ,/,:,10.0.0.0/99,x/8", false),
            ("https://api.example", "10.0.0.0/8", false),
        ] {
            assert_eq!(is_exempt(&url.parse().expect("a URL"), list), is, "{url} and {list:?}");
        }
    }
}
