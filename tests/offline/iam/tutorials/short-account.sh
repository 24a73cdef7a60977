eksctl create iamserviceaccount \
  --name app \
  --namespace demo \
  --attach-policy-arn arn:aws:iam::1111122222:policy/reader \
  --approve
