//! `issuer documents`: what is published, and how.

use std::io::Write;

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::Value;

use super::{Ended, client, read_keys};
use crate::cli::{DocumentsArgs, HostingPlace, ReportFormat};
use crate::document_folder::{self, Document, Written};
use crate::live_issuer::LiveIssuer;
use issuer::hosting::{Hosting, Object, Policy};
use issuer::{DISCOVERY_PATH, Discovery, IssuerUrl, Jwks};

/// All that is said in the end; as JSON, this very value.
#[derive(Serialize)]
struct Report {
    issuer: String,
    keys: Vec<String>,
    /// Keys that were published before and are so no longer.
    dropped: Vec<String>,
    /// The keys first: they are uploaded in this order.
    objects: [Object; 2],
    #[serde(flatten)]
    hosting: Hosting,
    bucket_policy: Policy,
    public_access_block: Value,
    cloudfront_bucket_policy: Policy,
    remarks: Vec<String>,
}

pub(super) async fn run(args: DocumentsArgs) -> anyhow::Result<Ended> {
    let (issuer, keys, mut remarks) = sources(&args).await?;
    let jwks_path = path_below(&args.jwks_path)?;
    let discovery = Discovery::of(issuer.as_str(), &issuer.below(jwks_path), &keys);
    let files = [
        Document { path: jwks_path.to_owned(), contents: keys.to_json().into_bytes() },
        Document { path: DISCOVERY_PATH.to_owned(), contents: discovery.to_json().into_bytes() },
    ];
    let (dropped, differs) = compare(&args, &files, &keys)?;
    if !args.force && (!dropped.is_empty() || differs.is_some()) {
        return Ok(Ended::Refused(refusal(&dropped, differs.as_deref())));
    }
    let written = document_folder::write(&args.out, &files)?;

    remarks.extend(issuer.remarks());
    let hosting = Hosting::of(&issuer, args.bucket.as_deref());
    if !hosting.is_known() && args.hosting != HostingPlace::Static {
        remarks.push("the issuer's URL does not tell the bucket: name it with --bucket".to_owned());
    }
    let objects = hosting.objects(&issuer, jwks_path);
    let report = Report {
        issuer: issuer.to_string(),
        keys: keys.kids(),
        dropped,
        bucket_policy: hosting.bucket_policy(&objects),
        public_access_block: Hosting::public_access_block(),
        cloudfront_bucket_policy: hosting.cloudfront_policy(&objects, args.distribution.as_deref()),
        objects,
        hosting,
        remarks,
    };
    report.tell(&args, &written).context("failed to print what was written")?;
    Ok(Ended::Well)
}

/// The issuer and its keys, and what is to be said of them.
async fn sources(args: &DocumentsArgs) -> anyhow::Result<(IssuerUrl, Jwks, Vec<String>)> {
    let (given, mut remarks) = read_keys(&args.keys)?;
    let mut keys = Jwks::from_keys(&given);
    let mut named = args.issuer.clone();
    if args.from_cluster {
        let live = LiveIssuer::get(&client(args.cluster.clone()).await?).await?;
        let unusable = live.keys.unusable();
        remarks
            .extend(unusable.map(|(key, why)| format!("the cluster's key {}: {why}", key.name())));
        keys = live.keys.clone().with(&keys);
        let of_cluster = live.discovery.issuer;
        match &named {
            Some(named) if *named != of_cluster => remarks.push(format!(
                "the cluster's tokens are still of {of_cluster}, so nothing verifies by these \
                 documents until the API server has {named} as its first --service-account-issuer"
            )),
            Some(_) => {}
            None => named = Some(of_cluster),
        }
    }
    let named = named.context("no issuer is named: give --issuer")?;
    let issuer =
        IssuerUrl::parse(&named).with_context(|| format!("failed to use the issuer {named:?}"))?;
    if issuer.has_trailing_slash() {
        bail!(
            "failed to use the issuer {named:?}: it ends with a slash, which IAM and tokens are \
             likely to disagree on; leave it out, here and in --service-account-issuer"
        );
    }
    Ok((issuer, keys, remarks))
}

/// The keys of the folder that would go, and how its discovery document differs.
fn compare(
    args: &DocumentsArgs,
    files: &[Document; 2],
    keys: &Jwks,
) -> anyhow::Result<(Vec<String>, Option<String>)> {
    let [jwks, discovery] = files;
    let dropped = match document_folder::existing(&args.out, &jwks.path)? {
        None => Vec::new(),
        Some(before) => match Jwks::parse(&before) {
            Ok(before) => before.missing_in(keys),
            Err(_) if args.force => Vec::new(),
            Err(error) => {
                let path = args.out.join(&jwks.path);
                bail!("{} is there and no JWKS: {error}; add --force to replace it", path.display())
            }
        },
    };
    let before = document_folder::existing(&args.out, &discovery.path)?;
    let differs = before.and_then(|before| {
        let before = Discovery::parse(&before);
        let wanted = Discovery::parse(&discovery.contents);
        match (before, wanted) {
            (Ok(before), Ok(wanted)) if before.issuer != wanted.issuer => {
                Some(format!("it is of the issuer {}", before.issuer))
            }
            (Ok(before), Ok(wanted)) if before.jwks_uri != wanted.jwks_uri => {
                Some(format!("its keys are at {}", before.jwks_uri))
            }
            (Err(error), _) => Some(error.to_string()),
            _ => None,
        }
    });
    Ok((dropped, differs))
}

fn refusal(dropped: &[String], differs: Option<&str>) -> String {
    let mut why = Vec::new();
    if !dropped.is_empty() {
        why.push(format!(
            "keys would no longer be published: {}; AWS would refuse every token that they signed; \
             give those keys too (--key), or add --force once their tokens have expired",
            dropped.join(", ")
        ));
    }
    if let Some(differs) = differs {
        why.push(format!(
            "another discovery document is there: {differs}; choose another --out, or add --force"
        ));
    }
    why.join("\nrefused: ")
}

fn path_below(path: &str) -> anyhow::Result<&str> {
    let segments = || path.split('/');
    let odd = |segment: &str| segment.is_empty() || segment == "." || segment == "..";
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
    if segments().any(odd) || !path.chars().all(plain) || path == DISCOVERY_PATH {
        bail!("--jwks-path {path:?} is no path below the issuer, such as keys.json");
    }
    Ok(path)
}

impl Report {
    fn tell(&self, args: &DocumentsArgs, written: &[Written]) -> anyhow::Result<()> {
        let mut notes = std::io::stderr().lock();
        for (object, written) in self.objects.iter().zip(written) {
            let word = match written {
                Written::Created => "wrote",
                Written::Replaced => "replaced",
                Written::Unchanged => "unchanged",
            };
            writeln!(notes, "{word} {}", args.out.join(&object.path).display())?;
        }
        writeln!(notes, "keys: {}", self.keys.join(", "))?;
        for kid in &self.dropped {
            writeln!(notes, "warning: the key {kid} is no longer in the JWKS")?;
        }
        for remark in &self.remarks {
            writeln!(notes, "note: {remark}")?;
        }
        let mut out = std::io::stdout().lock();
        if args.output == ReportFormat::Json {
            writeln!(out, "{}", serde_json::to_string_pretty(self)?)?;
            return Ok(());
        }
        match args.hosting {
            HostingPlace::S3 => self.s3(&mut out, args)?,
            HostingPlace::Cloudfront => self.cloudfront(&mut out, args)?,
            HostingPlace::Static => self.anywhere(&mut out, args)?,
        }
        writeln!(out, "\n# Then see that AWS can read them:")?;
        writeln!(out, "pod-identity-webhook issuer verify {}", self.issuer)?;
        Ok(())
    }

    fn s3(&self, out: &mut impl Write, args: &DocumentsArgs) -> anyhow::Result<()> {
        let bucket = &self.hosting.bucket;
        let block = self.public_access_block.as_object().into_iter().flatten();
        let block: Vec<String> = block.map(|(name, value)| format!("{name}={value}")).collect();
        writeln!(
            out,
            "# The two documents are public by the bucket's policy, and nothing else is. No ACLs."
        )?;
        writeln!(out, "aws s3api put-public-access-block --bucket {bucket} \\")?;
        writeln!(out, "  --public-access-block-configuration {}", block.join(","))?;
        Self::policy(out, bucket, &self.bucket_policy)?;
        self.uploads(out, args)
    }

    fn cloudfront(&self, out: &mut impl Write, args: &DocumentsArgs) -> anyhow::Result<()> {
        let bucket = &self.hosting.bucket;
        writeln!(
            out,
            "# The bucket stays private; the distribution reads it by its origin access control."
        )?;
        Self::policy(out, bucket, &self.cloudfront_bucket_policy)?;
        self.uploads(out, args)
    }

    fn anywhere(&self, out: &mut impl Write, args: &DocumentsArgs) -> anyhow::Result<()> {
        writeln!(out, "# Serve over HTTPS, without a redirect:")?;
        for object in &self.objects {
            let Object { path, url, content_type, cache_control, .. } = object;
            writeln!(out, "#   {} at {url}", args.out.join(path).display())?;
            writeln!(out, "#     Content-Type: {content_type}")?;
            writeln!(out, "#     Cache-Control: {cache_control}")?;
        }
        Ok(())
    }

    fn policy(out: &mut impl Write, bucket: &str, policy: &Policy) -> anyhow::Result<()> {
        let policy = serde_json::to_string_pretty(policy)?;
        writeln!(out, "aws s3api put-bucket-policy --bucket {bucket} --policy '{policy}'")?;
        Ok(())
    }

    fn uploads(&self, out: &mut impl Write, args: &DocumentsArgs) -> anyhow::Result<()> {
        for object in &self.objects {
            let Object { path, key, content_type, cache_control, .. } = object;
            writeln!(
                out,
                "aws s3api put-object --bucket {} --key {key} \\\n  --body {} \\\n  \
                 --content-type {content_type} --cache-control {cache_control}",
                self.hosting.bucket,
                args.out.join(path).display(),
            )?;
        }
        Ok(())
    }
}
