data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  oidc = trimprefix(module.eks.cluster_oidc_issuer_url, "https://")
  tags = { team = "storage" }
}

data "aws_iam_policy_document" "driver_trust" {
  statement {
    sid     = "Driver"
    actions = ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]

    principals {
      type = "Federated"
      identifiers = [
        "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:oidc-provider/${local.oidc}",
      ]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.oidc}:sub"
      values   = [for account in ["ebs-csi-controller-sa", "ebs-csi-node-sa"] : "system:serviceaccount:kube-system:${account}"]
    }

    condition {
      test     = "StringEquals"
      variable = format("%s:aud", local.oidc)
      values   = ["sts.amazonaws.com"]
    }

    dynamic "condition" {
      for_each = var.vpc_id == null ? [] : [var.vpc_id]
      content {
        test     = "StringEquals"
        variable = "aws:SourceVpc"
        values   = [condition.value]
      }
    }
  }

  dynamic "statement" {
    for_each = var.more_providers
    content {
      actions = ["sts:AssumeRoleWithWebIdentity"]
      principals {
        type        = "Federated"
        identifiers = [statement.value.arn]
      }
      condition {
        test     = "StringLike"
        variable = "${statement.value.name}:sub"
        values   = ["system:serviceaccount:kube-system:ebs-csi-*"]
      }
      condition {
        test     = "StringEquals"
        variable = "${statement.value.name}:aud"
        values   = ["sts.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role" "driver" {
  name_prefix        = "ebs-csi-"
  assume_role_policy = data.aws_iam_policy_document.driver_trust.json
  tags               = local.tags
}

resource "aws_iam_role_policy" "driver" {
  role = aws_iam_role.driver.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Effect   = "Allow"
        Action   = ["ec2:CreateSnapshot", "ec2:AttachVolume", "ec2:Describe*"]
        Resource = "*"
      },
      {
        Effect   = "Allow"
        Action   = ["ec2:CreateTags"]
        Resource = ["arn:${data.aws_partition.current.partition}:ec2:*:*:volume/*", "arn:aws:ec2:*:*:snapshot/*"]
        Condition = {
          StringEquals = { "ec2:CreateAction" = ["CreateVolume", "CreateSnapshot"] }
        }
      },
      ],
      var.kms_key_arn == null ? [] : [{
        Effect    = "Allow"
        Action    = "kms:CreateGrant"
        Resource  = var.kms_key_arn
        Condition = { Bool = { "kms:GrantIsForAWSResource" = true } }
    }])
  })
}

resource "aws_eks_addon" "driver" {
  cluster_name             = module.eks.cluster_name
  addon_name               = "aws-ebs-csi-driver"
  service_account_role_arn = aws_iam_role.driver.arn
  configuration_values = jsonencode({
    controller = { tolerations = [{ key = "CriticalAddonsOnly", operator = "Exists", effect = "NoSchedule" }] }
  })
}

module "irsa" {
  source  = "terraform-aws-modules/iam/aws//modules/iam-role-for-service-accounts-eks"
  version = "~> 5.39"

  role_name             = "ebs-csi"
  attach_ebs_csi_policy = true

  oidc_providers = {
    main = {
      provider_arn               = module.eks.oidc_provider_arn
      namespace_service_accounts = ["kube-system:ebs-csi-controller-sa"]
    }
    other = {
      provider_arn               = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABCDEF0123456789ABCDEF0123456789"
      namespace_service_accounts = ["kube-system:${var.account}", "${var.namespace}:x"]
    }
  }
}

module "irsa_v6" {
  source  = "terraform-aws-modules/iam/aws//modules/iam-role-for-service-accounts"
  version = "6.2.1"

  name                 = "s3-csi"
  trust_condition_test = "StringLike"
  oidc_providers = {
    this = {
      provider_arn               = module.eks.oidc_provider_arn
      namespace_service_accounts = ["team-*:s3"]
    }
  }
  permissions = {
    list = { actions = ["s3:ListBucket"], resources = [aws_s3_bucket.b.arn] }
  }
}

module "role_v6" {
  source = "terraform-aws-modules/iam/aws//modules/iam-role"

  enable_oidc            = true
  oidc_provider_urls     = [module.eks.cluster_oidc_issuer_url]
  oidc_subjects          = ["system:serviceaccount:demo:app"]
  oidc_wildcard_subjects = ["system:serviceaccount:demo-*:app"]
  oidc_audiences         = ["sts.amazonaws.com"]
  trust_policy_permissions = {
    account = {
      actions    = ["sts:AssumeRole"]
      principals = [{ type = "AWS", identifiers = ["arn:aws:iam::111122223333:root"] }]
    }
  }
}

module "assumable" {
  source                        = "terraform-aws-modules/iam/aws//modules/iam-assumable-role-with-oidc"
  provider_url                  = replace(module.eks.cluster_oidc_issuer_url, "https://", "")
  oidc_fully_qualified_subjects = ["system:serviceaccount:${var.namespace}:app"]
  oidc_subjects_with_wildcards  = ["system:serviceaccount:demo:*"]
  inline_policy_statements = [{
    sid       = "Read"
    actions   = ["s3:GetObject"]
    effect    = "Allow"
    resources = ["arn:aws:s3:::bucket/*"]
  }]
}
