//! A role for `ServiceAccount`s: the provider, the trust policy, the role and
//! the annotations, from an issuer and names.

mod formats;
mod names;
mod partition;
mod script;
mod settings;
mod subject;
mod value;

pub use names::{Audience, Issuer, NameError, RoleName, Thumbprint};
pub use partition::{PartitionError, PartitionHints};
pub use settings::{Boundary, RolePath, SessionDuration, SettingError, Tags};
pub use subject::{Subject, Subjects};

use value::{Value, map};

use super::finding::{Finding, Severity};
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
    pub subjects: Subjects,
    /// Whom the tokens are for: any of them. At least one.
    pub audiences: Vec<Audience>,
    /// The name of the role.
    pub name: RoleName,
    /// What stands before the name in the role's ARN.
    pub path: RolePath,
    /// That of the account, whether or not the account is given.
    pub partition: &'static str,
    /// Where it is not given, CloudFormation and Terraform fill it in.
    pub account: Option<Account>,
    /// The region for the AWS CLI, where somebody named it.
    pub region: Option<String>,
    /// What the role may do.
    pub permissions: Vec<Permissions>,
    /// The longest session; IAM's default is an hour.
    pub max_session: Option<SessionDuration>,
    /// What bounds the permissions.
    pub boundary: Option<Boundary>,
    /// Of the role.
    pub tags: Tags,
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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    /// The format needs an account ID, and none is given.
    #[error(
        "the provider's ARN needs the account ID; pass --account-id (`aws sts get-caller-identity` prints it), or --output cloudformation or terraform"
    )]
    AccountNeeded,
    /// The linter finds an error in what would be written.
    #[error("`iam lint` would reject this role ({}): {}", .0.code.word(), .0.message)]
    Rejected(Box<Finding>),
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
    /// A format that has nothing to fill the account in, and no account. What the linter would
    /// call an error.
    pub fn write(&self, format: Format) -> Result<String, RoleError> {
        self.write_with_warnings(format).map(|(text, _)| text)
    }

    /// As [`Role::write`], and what the linter warns of, whatever it is written as.
    ///
    /// # Errors
    /// As of [`Role::write`].
    pub fn write_with_warnings(&self, format: Format) -> Result<(String, Vec<Finding>), RoleError> {
        let warnings = self.findings();
        if let Some(error) = warnings.iter().find(|it| it.severity() == Severity::Error) {
            return Err(RoleError::Rejected(Box::new(error.clone())));
        }
        let text = match (format, &self.account) {
            (Format::Json, Some(account)) => formats::json(self, account),
            (Format::Cli, Some(account)) => script::cli(self, account),
            (Format::Json | Format::Cli, None) => return Err(RoleError::AccountNeeded),
            (Format::CloudFormation, _) => formats::cloudformation(self),
            (Format::Terraform, _) => formats::terraform(self),
        };
        Ok((text, warnings))
    }

    fn findings(&self) -> Vec<Finding> {
        // Any account of the partition does, since each is checked by itself.
        let made_up = || Account::new(self.partition, "111122223333").ok();
        let account = self.account.clone().or_else(made_up);
        account.map_or_else(Vec::new, |account| lint(&formats::json(self, &account)))
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
        let (partition, id) = (account.partition(), account.id());
        format!("arn:{partition}:iam::{id}:role{}{}", self.path.as_str(), self.name.as_str())
    }

    /// The permission policies with their names, which stay when others are added.
    fn policies(&self) -> impl Iterator<Item = (String, &Value)> {
        let name = self.name.as_str();
        self.permissions.iter().enumerate().map(move |(index, Permissions(document))| match index {
            0 => (name.to_owned(), document),
            _ => (format!("{name}-{}", index + 1), document),
        })
    }

    /// The trust policy for a provider, whose ARN may be an expression.
    fn trust_policy(&self, provider: Value) -> Value {
        let key = |claim: &str| format!("{}:{claim}", self.issuer.name());
        let audiences = self.audiences.iter().map(|it| it.as_str().to_owned()).collect();
        let aud = (key("aud"), one_or_list(audiences));
        let sub = (key("sub"), one_or_list(self.subjects.claims()));
        let condition = if self.subjects.has_glob() {
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

    /// The annotated `ServiceAccount`s; of a glob there are none.
    fn service_accounts(&self, role_arn: &Value) -> Vec<Value> {
        // A pod's token has one audience, that of the webhook unless it is told another.
        let is_default = self.audiences.iter().any(Audience::is_default);
        let audience = self.audiences.first().filter(|_| !is_default);
        let mut annotations = vec![("eks.amazonaws.com/role-arn".to_owned(), role_arn.clone())];
        if let Some(audience) = audience {
            let audience = Value::text(audience.as_str());
            annotations.push(("eks.amazonaws.com/audience".to_owned(), audience));
        }
        let one = |(namespace, name): (&str, &str)| {
            let metadata = map([
                ("name", Value::text(name)),
                ("namespace", Value::text(namespace)),
                ("annotations", Value::Map(annotations.clone())),
            ]);
            map([
                ("apiVersion", Value::text("v1")),
                ("kind", Value::text("ServiceAccount")),
                ("metadata", metadata),
            ])
        };
        self.subjects.each().map(one).collect()
    }
}

fn one_or_list(mut texts: Vec<String>) -> Value {
    match texts.pop() {
        Some(only) if texts.is_empty() => Value::Text(only),
        last => Value::List(texts.into_iter().chain(last).map(Value::Text).collect()),
    }
}

#[cfg(test)]
mod tests;
