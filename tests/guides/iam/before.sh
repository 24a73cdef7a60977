# A token, as a pod has one. Nobody signed it: `iam simulate` verifies no signature.
encode() { base64 -w 0 | tr '+/' '-_' | tr -d '='; }
header=$(printf '{"alg":"RS256","kid":"1"}' | encode)
claims=$(printf '{"iss":"https://oidc.example.com/id/X","sub":"system:serviceaccount:demo:app","aud":["sts.amazonaws.com"],"exp":4102444800,"iat":1790000000}' | encode)
printf '%s.%s.%s' "$header" "$claims" "$header" >token
