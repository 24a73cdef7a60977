if [ "$BY" = cluster ]; then kubectl create namespace pod-identity-webhook; fi
