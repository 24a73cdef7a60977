resource "aws_vpc_endpoint" "sts" {
  service_name = "com.amazonaws.eu-west-1.sts"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = "*"
      Action    = ["sts:AssumeRoleWithWebIdentity", "sts:AssumeRole"]
      Resource  = "*"
    }]
  })
}

data "aws_iam_policy_document" "endpoint" {
  statement {
    actions   = ["sts:AssumeRoleWithWebIdentity"]
    resources = ["*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
  }
}

data "aws_iam_policy_document" "of_many" {
  for_each = var.accounts
  statement {
    effect  = var.is_open ? "Allow" : "Deny"
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = ["arn:aws:iam::${local.account_id}:oidc-provider/${local.oidc}"]
    }
    dynamic "condition" {
      for_each = { sub = each.value.subjects, aud = ["sts.amazonaws.com"] }
      content {
        test     = "StringEquals"
        variable = "${local.oidc}:${condition.key}"
        values   = condition.value
      }
    }
  }
}

resource "aws_iam_role" "merged" {
  assume_role_policy = jsonencode({
    "Version" : "2012-10-17",
    "Statement" : [
      merge({
        "Effect" : "Allow",
        "Action" : "sts:AssumeRoleWithWebIdentity"
      }, var.is_new ? { Principal = { Federated = var.arn } } : { Principal = { Federated = var.old } }),
      {
        Effect    = "Allow", Action = "sts:AssumeRole", Principal = var.principal
        Condition = local.condition
      },
      {
        Effect    = "Allow"
        Action    = "sts:AssumeRoleWithWebIdentity"
        Principal = { Federated = var.arn }
        Condition = { StringEquals = { for k, v in var.claims : "${var.issuer}:${k}" => v } }
      },
      {
        Effect    = "Allow"
        Action    = "sts:AssumeRoleWithWebIdentity"
        Principal = { Federated = var.arn }
        Condition = { (var.op) = { (local.key) = ["system:serviceaccount:a:*"], (var.x) = "sts.amazonaws.com" } }
      },
    ]
  })
}
