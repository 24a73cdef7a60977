openssl ecparam -genkey -name prime256v1 -noout | openssl ec -pubout >sa.pub
