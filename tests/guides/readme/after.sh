# What `make try` shows is what `inject` says.
pod-identity-webhook inject -f pod.yaml --service-accounts deploy/examples -o patch | grep -q arn:aws:iam::111122223333:role/mine
sed -i s/eks.amazonaws.com.role-arn/eks.amazonaws.com\\/role-am/ deploy/examples/mine.yaml
pod-identity-webhook inject -f pod.yaml --service-accounts deploy/examples -o explain 2>&1 | grep -q 'did you mean eks.amazonaws.com/role-arn'
rm deploy/examples/mine.yaml pod.yaml
