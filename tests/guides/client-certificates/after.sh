if [ "$BY" = offline ]; then
    openssl verify -CAfile ca.crt -purpose sslclient client.crt
fi
