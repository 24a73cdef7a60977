kubectl create namespace pod-identity-webhook
