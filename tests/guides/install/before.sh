kubectl create namespace payments
