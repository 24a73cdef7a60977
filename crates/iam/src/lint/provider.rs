//! A provider: its URL, its client IDs, its thumbprints.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html>

use super::issuers::Issuer;
use super::{letters, limits, shown};
use crate::audience;
use crate::finding::{Code, Finding};
use crate::node::{Kind, Node};
use crate::partition::AUDIENCE;
use crate::place::Position;
use crate::placeholder;
use crate::provider::name_of_issuer;
use crate::provider_url::{self, Mistake};
use crate::write::text as quoted;

/// Whether it is a provider, however its members are spelled: `ClientIDList` of the AWS CLI,
/// `ClientIdList` of CloudFormation, `client_id_list` of Terraform, `clientIDs` of ACK.
pub(super) fn is_one(node: &Node) -> bool {
    let members = node.members().iter().filter(|member| !member.key.is_empty());
    let (mut clients, mut url, mut thumbprints) = (0, 0, 0);
    for member in members {
        match letters(&member.key).as_str() {
            "clientidlist" | "thumbprintlist" => return true,
            "clientids" => clients += 1,
            "thumbprints" => thumbprints += 1,
            "url" => url += 1,
            _ => {}
        }
    }
    url * (clients + thumbprints) > 0
}

pub(super) fn findings(node: &Node) -> Vec<Finding> {
    let mut found = Vec::new();
    let of = |names: &[&str]| {
        let member = node.members().iter().find(|m| names.contains(&letters(&m.key).as_str()));
        member.map(|member| &member.value)
    };
    let url = of(&["url"]);
    found.extend(url.into_iter().flat_map(self::url));
    if let Some(list) = of(&["clientidlist", "clientids"]) {
        let others = url.is_some_and(may_be_of_others);
        found.extend(client_ids(list, others));
        // Issuers of clients often end with a slash, such as Auth0's, under whichever domain.
        let is_other = |it: &&Node| {
            it.text().is_some_and(|text| text != AUDIENCE && audience::slip(text).is_none())
        };
        let ids = list.each();
        if !ids.is_empty() && ids.iter().all(is_other) {
            found.retain(|it| it.code != Code::TrailingSlash);
        }
        found.extend(limits::provider("client IDs", 100, &list.each()));
    }
    let thumbprints = of(&["thumbprintlist", "thumbprints"]).map(Node::each).unwrap_or_default();
    found.extend(limits::provider("thumbprints", 5, &thumbprints));
    found.extend(thumbprints.into_iter().filter_map(thumbprint));
    found
}

/// Whether the tokens may be those of others than pods. Where the URL is not known, its words tell.
fn may_be_of_others(url: &Node) -> bool {
    match &url.kind {
        Kind::Text(text) => !Issuer::of(name_of_issuer(text)).may_be_cluster(),
        Kind::Open(text, _) | Kind::Unknown(text) => {
            let lower = text.to_ascii_lowercase();
            !["eks", "cluster", "kube", "openidconnectissuer"].iter().any(|it| lower.contains(it))
        }
        _ => true,
    }
}

/// The audiences that the provider takes. Tokens of `others` than pods may have hosts of STS.
fn client_ids(list: &Node, others: bool) -> Vec<Finding> {
    let mut found = Vec::new();
    let all = list.each();
    let is_right = all.iter().any(|node| node.text().is_none_or(|text| text == AUDIENCE));
    for node in all {
        let Some(text) = node.text() else { continue };
        if text != text.trim() {
            let message = format!(
                "the client ID {} has white space around it, which is compared too: no token matches",
                shown(text)
            );
            let finding = Finding::new(Code::SpaceInValue, node.at, message);
            found.push(finding.fixed(quoted(text.trim())));
        }
        if let Some((code, message)) = audience::slip(text)
            && !(code == Code::AudienceEndpoint && (is_right || others))
        {
            found.push(Finding::new(code, node.at, message).fixed(quoted(AUDIENCE)));
        }
    }
    found
}

/// The issuer of the tokens, to the letter.
fn url(node: &Node) -> Vec<Finding> {
    // Of a placeholder, the rest can't be judged either.
    let Some(text) = node.text().filter(|text| placeholder::parts(text).is_empty()) else {
        return Vec::new();
    };
    let finding = |it: Mistake| {
        let finding = Finding::new(it.code, node.at, it.message);
        match it.mended {
            Some(mended) => finding.fixed(quoted(&mended)),
            None => finding,
        }
    };
    provider_url::mistakes(text).into_iter().map(finding).collect()
}

/// The SHA-1 digest of a certificate of the issuer's authority.
fn thumbprint(node: &Node) -> Option<Finding> {
    let (Kind::Text(text) | Kind::Number(text)) = &node.kind else { return None };
    thumbprint_text(text, node.at)
}

/// The same in a command of the AWS CLI.
pub(super) fn thumbprint_text(text: &str, at: Position) -> Option<Finding> {
    if is_thumbprint(text) {
        return None;
    }
    if let Some(part) = placeholder::parts(text).into_iter().next() {
        let part = &text[part];
        return (!placeholder::is_dynamic_reference(part)).then(|| placeholder::unfilled(part, at));
    }
    if text.contains("EXAMPLE") {
        return Some(placeholder::unfilled(text, at));
    }
    // As `openssl x509 -fingerprint` prints it, and certificate viewers.
    let behind = text.rsplit('=').next().unwrap_or_default();
    let mended: String =
        behind.chars().filter(|c| !c.is_whitespace() && !":-".contains(*c)).collect();
    let mended = mended.to_ascii_lowercase();
    let why = match mended.len() {
        64 if is_hex(&mended) => "; this is a SHA-256 digest",
        _ if is_thumbprint(&mended) => ", without separators",
        _ => "",
    };
    let message = format!(
        "{} is not a thumbprint: that is a certificate's SHA-1 digest, exactly 40 hexadecimal digits{why}",
        shown(text)
    );
    let finding = Finding::new(Code::Thumbprint, at, message);
    Some(if is_thumbprint(&mended) { finding.fixed(quoted(&mended)) } else { finding })
}

fn is_thumbprint(text: &str) -> bool {
    text.len() == 40 && is_hex(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
