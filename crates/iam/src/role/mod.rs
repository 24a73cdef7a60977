//! A role for a `ServiceAccount`: the provider, the trust policy, the role and
//! the annotation, from an issuer and a name.

mod formats;
mod names;
mod value;

pub use names::{Audience, Issuer, NameError, RoleName, Subject, Thumbprint};

use value::{Value, map};

use super::finding::Severity;
use super::json;
use super::kind::{PolicyKind, guess_kind};
use super::lint::lint;
use super::place::Source;
use arn::Account;

/// What to make.
#[derive(Clone, Debug)]
pub struct Role {
    /// Who signs the tokens.
    pub issuer: Issuer,
    /// Which ServiceAccounts may assume the role.
    pub subject: Subject,
    /// Whom the tokens are for.
    pub audience: Audience,
    /// The name of the role.
    pub name: RoleName,
    /// Where it is not given, CloudFormation and Terraform fill it in.
    pub account: Option<Account>,
    /// What the role may do.
    pub permissions: Option<Permissions>,
    /// Whether the account has the provider already.
    pub provider_exists: bool,
    /// IAM needs none where the issuer's certificate is of a public CA.
    pub thumbprints: Vec<Thumbprint>,
}

/// A permission policy that the linter finds no error in.
#[derive(Clone, Debug)]
pub struct Permissions(Value);

/// Why a permission policy is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}; `iam lint` lists all mistakes")]
pub struct PermissionsError {
    line: usize,
    column: usize,
    message: String,
}

/// The output format of `iam role`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The shapes of `aws iam get-role` and its like
    Json,
    /// Lines for a shell
    Cli,
    /// A template of CloudFormation, in YAML
    CloudFormation,
    /// Resources of Terraform, in HCL
    Terraform,
}

/// Why it can't be written down so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    /// The format needs an account ID, and none is given.
    #[error(
        "the provider's ARN needs the account ID; pass --account-id (`aws sts get-caller-identity` prints it), or --format cloudformation or terraform"
    )]
    AccountNeeded,
}

impl Permissions {
    /// # Errors
    /// What IAM would refuse, or what never works.
    pub fn read(text: &str) -> Result<Self, PermissionsError> {
        let error = lint(text).into_iter().find(|finding| finding.severity() == Severity::Error);
        if let Some(finding) = error {
            let (line, column) = (finding.at.line, finding.at.column);
            return Err(PermissionsError { line, column, message: finding.message });
        }
        let (node, mistakes) = json::read(&Source::new(text));
        if !mistakes.is_empty() || node.get("Statement").is_none() {
            let message = "not a policy document in JSON".to_owned();
            return Err(PermissionsError { line: 1, column: 1, message });
        }
        if guess_kind(&node) != PolicyKind::Permissions {
            let message =
                "a trust or resource policy; pass a permission policy, which has no Principal"
                    .to_owned();
            let at = node.at;
            return Err(PermissionsError { line: at.line, column: at.column, message });
        }
        Ok(Self(Value::from_node(&node)))
    }
}

impl Role {
    /// # Errors
    /// A format that has nothing to fill the account in, and no account.
    pub fn write(&self, format: Format) -> Result<String, RoleError> {
        match (format, &self.account) {
            (Format::Json, Some(account)) => Ok(formats::json(self, account)),
            (Format::Cli, Some(account)) => Ok(formats::cli(self, account)),
            (Format::Json | Format::Cli, None) => Err(RoleError::AccountNeeded),
            (Format::CloudFormation, _) => Ok(formats::cloudformation(self)),
            (Format::Terraform, _) => Ok(formats::terraform(self)),
        }
    }

    fn provider_arn(&self, account: &Account) -> String {
        format!(
            "arn:{}:iam::{}:oidc-provider/{}",
            account.partition(),
            account.id(),
            self.issuer.name()
        )
    }

    fn arn(&self, account: &Account) -> String {
        format!("arn:{}:iam::{}:role/{}", account.partition(), account.id(), self.name.as_str())
    }

    /// The trust policy for a provider, whose ARN may be an expression.
    fn trust_policy(&self, provider: Value) -> Value {
        let key = |claim: &str| format!("{}:{claim}", self.issuer.name());
        let aud = (key("aud"), Value::text(self.audience.as_str()));
        let sub = (key("sub"), Value::text(self.subject.claim()));
        let condition = if self.subject.is_glob() {
            map([("StringEquals", Value::Map(vec![aud])), ("StringLike", Value::Map(vec![sub]))])
        } else {
            map([("StringEquals", Value::Map(vec![aud, sub]))])
        };
        let statement = map([
            ("Effect", Value::text("Allow")),
            ("Principal", map([("Federated", provider)])),
            ("Action", Value::text("sts:AssumeRoleWithWebIdentity")),
            ("Condition", condition),
        ]);
        map([("Version", Value::text("2012-10-17")), ("Statement", Value::List(vec![statement]))])
    }

    /// The annotated `ServiceAccount`; nothing where the role is for many.
    fn service_account(&self, role_arn: Value) -> Option<Value> {
        let (namespace, name) = self.subject.one()?;
        let mut annotations = vec![("eks.amazonaws.com/role-arn".to_owned(), role_arn)];
        if !self.audience.is_default() {
            let audience = Value::text(self.audience.as_str());
            annotations.push(("eks.amazonaws.com/audience".to_owned(), audience));
        }
        let metadata = map([
            ("name", Value::text(name)),
            ("namespace", Value::text(namespace)),
            ("annotations", Value::Map(annotations)),
        ]);
        Some(map([
            ("apiVersion", Value::text("v1")),
            ("kind", Value::text("ServiceAccount")),
            ("metadata", metadata),
        ]))
    }
}

#[cfg(test)]
mod tests;
