//! `issuer documents`: what is published, and how.

use std::io::Write;

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::Value;
use text::shell::{Document as Quoted, FilePath, Opt, Word};
use text::{Quotes, quoted};

use super::document_folder::{self, Document, Written};
use super::exit::{Exit, OrMisuse as _};
use super::{Ended, client, read_keys};
use crate::cli::{DocumentsArgs, HostingPlace, help};
use crate::evidence::live_issuer::LiveIssuer;
use crate::run::output::{self, Head, Lines, Tone};
use crate::run::report::{self, Kind};
use issuer::hosting::{BucketPolicy, Hosting, Object};
use issuer::{DISCOVERY_PATH, Discovery, IssuerUrl, Jwks};

/// All that is said in the end; as JSON, this very value.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    issuer: String,
    keys: Vec<String>,
    /// Keys that were published before and are so no longer.
    dropped: Vec<String>,
    /// The keys first: they are uploaded in this order.
    objects: [Object; 2],
    #[serde(flatten)]
    hosting: Hosting,
    bucket_policy: BucketPolicy,
    public_access_block: Value,
    cloudfront_bucket_policy: BucketPolicy,
    #[serde(rename = "notes")]
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
        remarks.push("the issuer's URL does not show the bucket; pass --bucket".to_owned());
    }
    if args.hosting == HostingPlace::Cloudfront && args.distribution.is_none() {
        remarks.push("the distribution is not known, so that the policy has a placeholder; pass --distribution".to_owned());
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
    // One that the user named is an argument, and so is what is wrong with it.
    let named = args.issuer.as_deref();
    let named = named.map(|named| usable(named).map_err(|why| Exit::Usage.because(&why)));
    let named = named.transpose()?;
    let (given, mut remarks) = read_keys(&args.keys)?;
    let mut keys = Jwks::from_keys(&given);
    if !args.from_cluster {
        return Ok((named.context("no issuer; pass --issuer").or_misuse()?, keys, remarks));
    }
    let live = LiveIssuer::get(&client(args.cluster.clone()).await?.0).await?;
    let unusable = live.keys.unusable();
    remarks.extend(unusable.map(|(key, why)| format!("the cluster's key {}: {why}", key.name())));
    keys = live.keys.clone().with(&keys);
    let of_cluster = live.discovery.issuer;
    let issuer = match named {
        Some(named) => {
            if named.as_str() != of_cluster {
                remarks.push(format!(
                    "the cluster's tokens still have the issuer {of_cluster}; these documents verify \
                     none of them until {named} is the API server's first --service-account-issuer"
                ));
            }
            named
        }
        None => usable(&of_cluster).map_err(anyhow::Error::msg)?,
    };
    Ok((issuer, keys, remarks))
}

/// An issuer that documents can be written for, or why it is none.
fn usable(named: &str) -> Result<IssuerUrl, String> {
    let issuer = IssuerUrl::parse(named)
        .map_err(|error| format!("failed to use the issuer {named:?}: {error}"))?;
    if issuer.has_trailing_slash() {
        return Err(format!(
            "failed to use the issuer {named:?}: it ends with a slash, on which IAM and tokens are \
             likely to differ; remove it here and in --service-account-issuer"
        ));
    }
    Ok(issuer)
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
                bail!(
                    "{} exists and can't be read: {error}; pass --force to replace it",
                    path.display()
                )
            }
        },
    };
    let before = document_folder::existing(&args.out, &discovery.path)?;
    let differs = before.and_then(|before| {
        let before = Discovery::parse(&before);
        let wanted = Discovery::parse(&discovery.contents);
        match (before, wanted) {
            (Ok(before), Ok(wanted)) if before.issuer != wanted.issuer => {
                Some(format!("its issuer is {}", before.issuer))
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

fn refusal(dropped: &[String], differs: Option<&str>) -> Vec<String> {
    let mut why = Vec::new();
    if !dropped.is_empty() {
        why.push(format!(
            "keys would no longer be published: {}; AWS would reject every token that they signed; \
             pass these keys too (--key), or --force once their tokens have expired",
            dropped.join(", ")
        ));
    }
    if let Some(differs) = differs {
        why.push(format!(
            "another discovery document exists: {differs}; choose another --out, or pass --force"
        ));
    }
    why
}

fn path_below(path: &str) -> anyhow::Result<&str> {
    let segments = || path.split('/');
    let odd = |segment: &str| segment.is_empty() || segment == "." || segment == "..";
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
    if segments().any(odd) || !path.chars().all(plain) || path == DISCOVERY_PATH {
        let why = format!("--jwks-path {path:?} is not a path below the issuer, such as keys.json");
        return Err(Exit::Usage.because(&why));
    }
    Ok(path)
}

impl Report {
    fn tell(&self, args: &DocumentsArgs, written: &[Written]) -> anyhow::Result<()> {
        let mut notes = output::errors();
        for (object, written) in self.objects.iter().zip(written) {
            let word = match written {
                Written::Created => "wrote",
                Written::Replaced => "replaced",
                Written::Unchanged => "unchanged",
            };
            notes.line(format_args!("{word} {}", args.out.join(&object.path).display()))?;
        }
        notes.line(format_args!("keys: {}", self.keys.join(", ")))?;
        for kid in &self.dropped {
            let text = format_args!("the key {kid} is no longer in the JWKS");
            notes.prose(Head::new().word(Tone::Doubtful, "warning:"), text)?;
        }
        for remark in &self.remarks {
            notes.prose(Head::note(), remark)?;
        }
        if let Some(format) = args.output.data() {
            return Ok(report::print(format, Kind::IssuerDocuments, self, None)?);
        }
        let out = &mut output::out();
        match args.hosting {
            HostingPlace::S3 => self.s3(out, args)?,
            HostingPlace::Cloudfront => self.cloudfront(out, args)?,
            HostingPlace::Static => self.anywhere(out, args)?,
        }
        out.line("")?;
        out.line("# Then check that AWS can read them:")?;
        out.line(format_args!("{} issuer verify {}", help::invoked(), Word(&self.issuer)))?;
        Ok(())
    }

    fn s3(&self, out: &mut Lines<impl Write>, args: &DocumentsArgs) -> anyhow::Result<()> {
        let block = self.public_access_block.as_object().into_iter().flatten();
        let block: Vec<String> = block.map(|(name, value)| format!("{name}={value}")).collect();
        out.line(
            "# The bucket policy makes the two documents public, and nothing else. No ACLs are needed.",
        )?;
        out.line(format_args!("aws s3api put-public-access-block {} \\", self.bucket()))?;
        out.line(format_args!("  --public-access-block-configuration {}", block.join(",")))?;
        self.policy(out, &self.bucket_policy)?;
        self.uploads(out, args)
    }

    fn cloudfront(&self, out: &mut Lines<impl Write>, args: &DocumentsArgs) -> anyhow::Result<()> {
        out.line(
            "# The bucket stays private; the distribution reads it with its origin access control.",
        )?;
        self.policy(out, &self.cloudfront_bucket_policy)?;
        self.uploads(out, args)
    }

    fn anywhere(&self, out: &mut Lines<impl Write>, args: &DocumentsArgs) -> anyhow::Result<()> {
        out.line("# Serve over HTTPS, without a redirect:")?;
        for object in &self.objects {
            let Object { path, url, content_type, cache_control, .. } = object;
            out.line(format_args!("#   {} at {url}", args.out.join(path).display()))?;
            out.line(format_args!("#     Content-Type: {content_type}"))?;
            out.line(format_args!("#     Cache-Control: {cache_control}"))?;
        }
        Ok(())
    }

    fn bucket(&self) -> Opt<'_> {
        Opt("--bucket", &self.hosting.bucket)
    }

    fn policy(&self, out: &mut Lines<impl Write>, policy: &BucketPolicy) -> anyhow::Result<()> {
        let policy = serde_json::to_string_pretty(policy)?;
        let policy = quoted(&policy, Quotes::Json);
        let (bucket, policy) = (self.bucket(), Quoted(&policy));
        // Its lines are JSON's.
        out.document(&format!("aws s3api put-bucket-policy {bucket} --policy {policy}\n"))?;
        Ok(())
    }

    fn uploads(&self, out: &mut Lines<impl Write>, args: &DocumentsArgs) -> anyhow::Result<()> {
        for object in &self.objects {
            let Object { path, key, content_type, cache_control, .. } = object;
            let body = args.out.join(path);
            let key = Opt("--key", key);
            out.line(format_args!("aws s3api put-object {} {key} \\", self.bucket()))?;
            out.line(format_args!("  --body {} \\", FilePath(&body.to_string_lossy())))?;
            out.line(format_args!(
                "  {} {}",
                Opt("--content-type", content_type),
                Opt("--cache-control", cache_control)
            ))?;
        }
        Ok(())
    }
}
