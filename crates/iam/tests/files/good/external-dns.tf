variable "zones" { type = list(string) }

resource "aws_iam_policy" "dns" {
  name   = "dns"
  policy = <<-EOF
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Effect": "Allow",
          "Action": ["route53:ChangeResourceRecordSets"],
          "Resource": ${jsonencode(formatlist("arn:aws:route53:::hostedzone/%s", var.zones))}
        },
        %{for zone in var.zones~}
        {
          "Effect": "Allow",
          "Action": "route53:ListResourceRecordSets",
          "Resource": "arn:aws:route53:::hostedzone/${zone}"
        },
        %{endfor~}
        {
          "Effect": "Allow",
          "Action": ["route53:ListHostedZones"],
          "Resource": ["*"]
        }
      ]
    }
  EOF
}

resource "aws_iam_role" "dns" {
  name = "dns"
  assume_role_policy = templatefile("${path.module}/trust.json.tftpl", {
    provider_arn = var.provider_arn
  })
  inline_policy {
    name   = "x"
    policy = file("policy.json")
  }
}

resource "aws_iam_openid_connect_provider" "this" {
  url             = data.aws_eks_cluster.this.identity[0].oidc[0].issuer
  client_id_list  = ["sts.amazonaws.com"]
  thumbprint_list = [data.tls_certificate.this.certificates[0].sha1_fingerprint]
}

resource "kubernetes_service_account_v1" "dns" {
  metadata {
    name      = "external-dns"
    namespace = "kube-system"
    annotations = {
      "eks.amazonaws.com/role-arn" = aws_iam_role.dns.arn
    }
  }
}

resource "helm_release" "dns" {
  name  = "external-dns"
  chart = "external-dns"
  values = [<<-EOT
    serviceAccount:
      annotations:
        eks.amazonaws.com/role-arn: ${aws_iam_role.dns.arn}
    domainFilters: ${jsonencode(var.zones)}
  EOT
  ]
  set {
    name  = "serviceAccount.annotations.eks\\.amazonaws\\.com/role-arn"
    value = aws_iam_role.dns.arn
  }
}

resource "aws_s3_bucket_policy" "logs" {
  bucket = aws_s3_bucket.logs.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for name in ["a", "b"] : {
      Sid       = "Write-${name}"
      Effect    = "Allow"
      Principal = { AWS = var.is_old ? "arn:aws:iam::127311923021:root" : "*" }
      Action    = "s3:PutObject"
      Resource  = "${aws_s3_bucket.logs.arn}/${name}/*"
    }]
  })
}

data "aws_iam_policy_document" "combined" {
  source_policy_documents = [data.aws_iam_policy_document.one.json]
}

data "aws_iam_policy_document" "one" {
  statement {
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::home/&{aws:username}/*", "${aws_s3_bucket.logs.arn}/*"]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["", "home/&{aws:username}/*"]
    }
  }
  statement {
    effect      = "Deny"
    not_actions = ["iam:*"]
    resources   = ["*"]
    not_principals {
      type        = "AWS"
      identifiers = [var.admin]
    }
  }
}
