//! How the two documents are published on an object store: their places, their
//! content types, and who may read them.

use serde::Serialize;
use serde_json::{Value, json};

use super::{DISCOVERY_PATH, IssuerUrl};

/// The content type of both documents. Without it S3 serves `binary/octet-stream`.
pub const CONTENT_TYPE: &str = "application/json";

/// The `Cache-Control` of both documents: short, so that a new key is seen soon.
pub const CACHE_CONTROL: &str = "max-age=300";

/// What stands in commands for what is not known.
const BUCKET: &str = "BUCKET";
const DISTRIBUTION: &str = "arn:aws:cloudfront::ACCOUNT:distribution/ID";

/// Where the documents of an issuer are in S3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hosting {
    /// The name of the S3 bucket, or the placeholder `BUCKET` if it is not
    /// known.
    pub bucket: String,
    /// What the keys of both objects begin with: the path of the issuer's URL, without
    /// slashes at its ends. Empty for an issuer without a path.
    pub prefix: String,
    /// The AWS partition of the bucket: `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: &'static str,
}

/// One document as an object in S3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// The path below the issuer's URL, and below the local folder that it is written to.
    pub path: String,
    /// The object's key in the bucket.
    pub key: String,
    /// The URL that clients fetch the document from.
    pub url: String,
    /// The value of `Content-Type` to upload it with: [`CONTENT_TYPE`].
    pub content_type: &'static str,
    /// The value of `Cache-Control` to upload it with: [`CACHE_CONTROL`].
    pub cache_control: &'static str,
}

/// An S3 bucket policy. It is serialized as the JSON that S3 accepts.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BucketPolicy {
    version: &'static str,
    statement: [Statement; 1],
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: &'static str,
    effect: &'static str,
    principal: Value,
    action: &'static str,
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
}

impl Hosting {
    /// By the issuer's URL: `https://BUCKET.s3.REGION.amazonaws.com/...`, or
    /// `https://s3.REGION.amazonaws.com/BUCKET/...`. Behind other names the bucket
    /// is not known, and `BUCKET` stands for it.
    #[must_use]
    pub fn of(issuer: &IssuerUrl, bucket: Option<&str>) -> Self {
        let host = issuer.host().to_ascii_lowercase();
        let path = issuer.provider().split_once('/').map_or("", |(_, path)| path);
        let mut prefix = path.trim_matches('/').to_owned();
        let mut named = None;
        if is_path_style(&host) {
            let (first, rest) = prefix.split_once('/').unwrap_or((&prefix, ""));
            let split = (first.to_owned(), rest.to_owned());
            named = Some(split.0).filter(|name| !name.is_empty());
            prefix = split.1;
        } else if let Some((name, _)) = host.split_once(".s3.").or(host.split_once(".s3-")) {
            named = host.contains(".amazonaws.com").then(|| name.to_owned());
        }
        let bucket = bucket.map(str::to_owned).or(named).unwrap_or_else(|| BUCKET.to_owned());
        let partition = if host.ends_with(".amazonaws.com.cn") {
            "aws-cn"
        } else if host.contains("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        };
        Self { bucket, prefix, partition }
    }

    /// The two documents in the order in which to upload them: the JWK set first, since a
    /// discovery document must not name what does not exist yet. `jwks_path` is the path
    /// of the JWK set below the issuer.
    #[must_use]
    pub fn objects(&self, issuer: &IssuerUrl, jwks_path: &str) -> [Object; 2] {
        [jwks_path, DISCOVERY_PATH].map(|path| Object {
            path: path.to_owned(),
            key: if self.prefix.is_empty() {
                path.to_owned()
            } else {
                format!("{}/{path}", self.prefix)
            },
            url: issuer.below(path),
            content_type: CONTENT_TYPE,
            cache_control: CACHE_CONTROL,
        })
    }

    /// A bucket policy by which everyone may read the objects and nothing else.
    #[must_use]
    pub fn bucket_policy(&self, objects: &[Object]) -> BucketPolicy {
        self.policy("PublicIssuerDocuments", json!("*"), objects, None)
    }

    /// A bucket policy by which one distribution of `CloudFront` may read the objects; the bucket stays private.
    #[must_use]
    pub fn cloudfront_policy(
        &self,
        objects: &[Object],
        distribution: Option<&str>,
    ) -> BucketPolicy {
        let arn = distribution.unwrap_or(DISTRIBUTION);
        self.policy(
            "IssuerDocumentsForCloudFront",
            json!({ "Service": "cloudfront.amazonaws.com" }),
            objects,
            Some(json!({ "StringEquals": { "AWS:SourceArn": arn } })),
        )
    }

    /// Whether the bucket is known; else a word stands for it.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.bucket != BUCKET
    }

    /// What the account may still block: a public policy must be allowed, public
    /// ACLs need not be.
    #[must_use]
    pub fn public_access_block() -> Value {
        json!({
            "BlockPublicAcls": true,
            "IgnorePublicAcls": true,
            "BlockPublicPolicy": false,
            "RestrictPublicBuckets": false,
        })
    }

    fn policy(
        &self,
        sid: &'static str,
        principal: Value,
        objects: &[Object],
        condition: Option<Value>,
    ) -> BucketPolicy {
        let resource =
            |object: &Object| format!("arn:{}:s3:::{}/{}", self.partition, self.bucket, object.key);
        let statement = Statement {
            sid,
            effect: "Allow",
            principal,
            action: "s3:GetObject",
            resource: objects.iter().map(resource).collect(),
            condition,
        };
        BucketPolicy { version: "2012-10-17", statement: [statement] }
    }
}

/// `s3.REGION.amazonaws.com`, `s3-REGION...`, and the dual-stack and FIPS names.
fn is_path_style(host: &str) -> bool {
    let aws = host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
    aws && (host.starts_with("s3.") || host.starts_with("s3-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosting(url: &str) -> Hosting {
        Hosting::of(&IssuerUrl::parse(url).expect(url), None)
    }

    #[test]
    fn finds_bucket_and_prefix_in_the_url() {
        for (url, bucket, prefix, partition) in [
            ("https://keys.s3.eu-west-1.amazonaws.com", "keys", "", "aws"),
            ("https://keys.s3.eu-west-1.amazonaws.com/one/two", "keys", "one/two", "aws"),
            ("https://my.keys.s3-us-west-2.amazonaws.com", "my.keys", "", "aws"),
            ("https://s3.eu-west-1.amazonaws.com/keys", "keys", "", "aws"),
            ("https://s3-eu-west-1.amazonaws.com/keys/one", "keys", "one", "aws"),
            ("https://keys.s3.cn-north-1.amazonaws.com.cn", "keys", "", "aws-cn"),
            ("https://s3.us-gov-west-1.amazonaws.com/keys", "keys", "", "aws-us-gov"),
            ("https://d1.cloudfront.net/one", "BUCKET", "one", "aws"),
            ("https://oidc.example", "BUCKET", "", "aws"),
            ("https://x.s3.example", "BUCKET", "", "aws"),
        ] {
            let found = hosting(url);
            assert_eq!(
                (found.bucket.as_str(), found.prefix.as_str(), found.partition),
                (bucket, prefix, partition),
                "{url}"
            );
        }
    }

    #[test]
    fn opens_the_two_objects_and_nothing_else() {
        let issuer =
            IssuerUrl::parse("https://keys.s3.eu-west-1.amazonaws.com/one").expect("a URL");
        let hosting = Hosting::of(&issuer, None);
        let objects = hosting.objects(&issuer, super::super::JWKS_PATH);
        assert_eq!(objects[1].url, issuer.discovery_url());
        let policy = hosting.bucket_policy(&objects);
        assert_eq!(
            serde_json::to_string(&policy).expect("JSON"),
            "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"PublicIssuerDocuments\",\
             \"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\",\
             \"Resource\":[\"arn:aws:s3:::keys/one/openid/v1/jwks\",\
             \"arn:aws:s3:::keys/one/.well-known/openid-configuration\"]}]}"
        );
        let arn = "arn:aws:cloudfront::111122223333:distribution/E1";
        let policy = json!(hosting.cloudfront_policy(&objects, Some(arn)));
        let statement = &policy["Statement"][0];
        assert_eq!(statement["Condition"], json!({"StringEquals": {"AWS:SourceArn": arn}}));
        assert_eq!(statement["Principal"], json!({"Service": "cloudfront.amazonaws.com"}));
    }
}
