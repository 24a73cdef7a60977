kubectl create namespace demo
kubectl apply -f deployment.yaml
kubectl wait deployment/reports -n demo --for=jsonpath='{.status.replicas}'=1 --timeout=60s
