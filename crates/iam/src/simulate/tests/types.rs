//! Operators by the type of what they compare: a key `K` with these values, and a condition.

use super::*;

/// (values of `K`, none where the request has no such key; the condition; the verdict)
type Case = (&'static [&'static str], &'static str, Wanted);

/// Tries the cases, each in an Allow, and in a Deny beside an Allow for all.
fn try_all(page: &str, cases: &[Case]) {
    for (values, condition, wanted) in cases {
        let condition = condition.replace("\"K\"", "\"aws:PrincipalTag/k\"");
        let request = values
            .iter()
            .fold(request(), |request, value| request.with_context("AWS:principaltag/K", value));
        let verdict = verdict_of(&conditional(&condition), &request);
        assert_eq!(outcome(&verdict), *wanted, "{page}\n{values:?} {condition}\n{verdict:?}");

        let deny = statement("Deny", &format!(r#", "Condition": {{{condition}}}"#));
        let verdict = verdict_of(&document(&[statement("Allow", ""), deny]), &request);
        let denied = match wanted {
            Allowed => Explicitly,
            Denied => Allowed,
            other => *other,
        };
        assert_eq!(outcome(&verdict), denied, "{page}\nDeny {values:?} {condition}\n{verdict:?}");
    }
}

#[rustfmt::skip]
#[test]
fn text() {
    try_all(OPERATORS, &[
        (&["a"], r#""StringEquals": {"K": "a"}"#, Allowed),
        (&["a"], r#""StringEquals": {"K": "A"}"#, Denied),
        (&["a"], r#""StringEquals": {"K": "a "}"#, Denied),
        (&["a"], r#""StringEquals": {"K": ["b", "a"]}"#, Allowed),
        (&["a*"], r#""StringEquals": {"K": "a*"}"#, Allowed),
        (&["ab"], r#""StringEquals": {"K": "a*"}"#, Denied),
        (&["true"], r#""StringEquals": {"K": true}"#, Allowed),
        (&["10"], r#""StringEquals": {"K": 10}"#, Allowed),
        (&[], r#""StringEquals": {"K": "a"}"#, Denied),
        (&[], r#""StringEquals": {"K": ""}"#, Denied),
        (&[""], r#""StringEquals": {"K": ""}"#, Allowed),
        (&["a"], r#""StringNotEquals": {"K": "a"}"#, Denied),
        (&["a"], r#""StringNotEquals": {"K": "b"}"#, Allowed),
        (&["a"], r#""StringNotEquals": {"K": ["b", "a"]}"#, Denied),
        (&["a"], r#""StringNotEquals": {"K": ["b", "c"]}"#, Allowed),
        (&[], r#""StringNotEquals": {"K": "a"}"#, Allowed),
        (&["Ab"], r#""StringEqualsIgnoreCase": {"K": "aB"}"#, Allowed),
        (&["Ä"], r#""StringEqualsIgnoreCase": {"K": "ä"}"#, Allowed),
        (&["ab"], r#""StringEqualsIgnoreCase": {"K": "a*"}"#, Denied),
        (&[], r#""StringEqualsIgnoreCase": {"K": "a"}"#, Denied),
        (&["Ab"], r#""StringNotEqualsIgnoreCase": {"K": "aB"}"#, Denied),
        (&["c"], r#""StringNotEqualsIgnoreCase": {"K": ["A", "B"]}"#, Allowed),
        (&[], r#""StringNotEqualsIgnoreCase": {"K": "a"}"#, Allowed),
        (&["abc"], r#""StringLike": {"K": "a*"}"#, Allowed),
        (&["abc"], r#""StringLike": {"K": "a?c"}"#, Allowed),
        (&["abc"], r#""StringLike": {"K": "a?"}"#, Denied),
        (&["abc"], r#""StringLike": {"K": "*b*"}"#, Allowed),
        (&["abc"], r#""StringLike": {"K": "A*"}"#, Denied),
        (&["abc"], r#""StringLike": {"K": "ab"}"#, Denied),
        (&["abc"], r#""StringLike": {"K": ["x*", "*c"]}"#, Allowed),
        (&[""], r#""StringLike": {"K": "*"}"#, Allowed),
        (&[""], r#""StringLike": {"K": "?*"}"#, Denied),
        (&[], r#""StringLike": {"K": "*"}"#, Denied),
        (&["abc"], r#""StringNotLike": {"K": "a*"}"#, Denied),
        (&["abc"], r#""StringNotLike": {"K": ["x*", "y*"]}"#, Allowed),
        (&["abc"], r#""StringNotLike": {"K": ["x*", "a*"]}"#, Denied),
        (&[], r#""StringNotLike": {"K": "*"}"#, Allowed),
    ]);
}

#[rustfmt::skip]
#[test]
fn numbers() {
    try_all(OPERATORS, &[
        (&["10"], r#""NumericEquals": {"K": "10"}"#, Allowed),
        (&["10"], r#""NumericEquals": {"K": 10}"#, Allowed),
        (&["10"], r#""NumericEquals": {"K": "10.0"}"#, Allowed),
        (&["010"], r#""NumericEquals": {"K": "10"}"#, Allowed),
        (&["-0.5"], r#""NumericEquals": {"K": "-0.50"}"#, Allowed),
        (&["9"], r#""NumericLessThan": {"K": "10"}"#, Allowed),
        (&["10"], r#""NumericLessThan": {"K": "10"}"#, Denied),
        (&["10"], r#""NumericLessThan": {"K": ["5", "20"]}"#, Allowed),
        (&["10"], r#""NumericLessThanEquals": {"K": "10"}"#, Allowed),
        (&["10.01"], r#""NumericLessThanEquals": {"K": "10"}"#, Denied),
        (&["9"], r#""NumericGreaterThan": {"K": "10"}"#, Denied),
        (&["100"], r#""NumericGreaterThan": {"K": "9"}"#, Allowed),
        (&["10"], r#""NumericGreaterThanEquals": {"K": "10"}"#, Allowed),
        (&["9"], r#""NumericGreaterThanEquals": {"K": "10"}"#, Denied),
        (&["10"], r#""NumericNotEquals": {"K": "10"}"#, Denied),
        (&["10"], r#""NumericNotEquals": {"K": ["9", "11"]}"#, Allowed),
        (&["10"], r#""NumericNotEquals": {"K": ["9", "10"]}"#, Denied),
        (&[], r#""NumericNotEquals": {"K": "10"}"#, Allowed),
        (&[], r#""NumericEquals": {"K": "10"}"#, Denied),
        (&[], r#""NumericLessThan": {"K": "10"}"#, Denied),
        // No number matches nothing.
        (&["ten"], r#""NumericEquals": {"K": "10"}"#, Denied),
        (&["10"], r#""NumericEquals": {"K": "ten"}"#, Denied),
        (&["ten"], r#""NumericEquals": {"K": "ten"}"#, Denied),
        (&["10"], r#""NumericEquals": {"K": ""}"#, Denied),
        (&["10"], r#""NumericEquals": {"K": "1*"}"#, Denied),
        (&["10"], r#""NumericLessThan": {"K": "inf"}"#, Denied),
        (&["NaN"], r#""NumericEquals": {"K": "NaN"}"#, Denied),
        (&["10"], r#""NumericEquals": {"K": ["ten", "10"]}"#, Allowed),
        (&["10"], r#""NumericNotEquals": {"K": "ten"}"#, Allowed),
        (&["10"], r#""NumericEquals": {"K": "${aws:PrincipalTag/k}"}"#, Denied),
    ]);
}

#[rustfmt::skip]
#[test]
fn times() {
    try_all(OPERATORS, &[
        (&["2026-11-22T12:00:00Z"], r#""DateEquals": {"K": "2026-11-22T12:00:00Z"}"#, Allowed),
        (&["2026-11-22T12:00:00Z"], r#""DateEquals": {"K": "2026-11-22T13:00:00+01:00"}"#, Allowed),
        (&["2026-11-22T12:00:00Z"], r#""DateEquals": {"K": "2026-11-22T12:00Z"}"#, Allowed),
        (&["2026-11-22T12:00:00Z"], r#""DateEquals": {"K": "2026-11-22T12:00:00.0Z"}"#, Allowed),
        (&["2026-11-22T00:00:00Z"], r#""DateEquals": {"K": "2026-11-22"}"#, Allowed),
        (&["2026-11-01T00:00:00Z"], r#""DateEquals": {"K": "2026-11"}"#, Allowed),
        (&["2026-01-01T00:00:00Z"], r#""DateEquals": {"K": "2026"}"#, Allowed),
        (&["2026-01-01T00:00:00Z"], r#""DateEquals": {"K": 2026}"#, Allowed),
        (&["2026-01-01T00:00:00Z"], r#""DateEquals": {"K": "1767225600"}"#, Allowed),
        (&["1767225600"], r#""DateEquals": {"K": "2026-01-01"}"#, Allowed),
        (&["2026-11-22T12:00:00Z"], r#""DateGreaterThan": {"K": "2026"}"#, Allowed),
        (&["2026-11-22T12:00:00Z"], r#""DateGreaterThan": {"K": "2027"}"#, Denied),
        (&["2026-11-22T12:00:00Z"], r#""DateGreaterThan": {"K": "2026-11-22T12:00:00Z"}"#, Denied),
        (&["2026-11-22T12:00:00Z"], r#""DateGreaterThanEquals": {"K": "2026-11-22T12:00:00Z"}"#, Allowed),
        (&["2026-11-22T12:00:00Z"], r#""DateLessThan": {"K": "2026-11-23"}"#, Allowed),
        (&["2026-11-22T12:00:00Z"], r#""DateLessThan": {"K": "2026-11-22T11:59:59Z"}"#, Denied),
        (&["2026-11-22T12:00:00Z"], r#""DateLessThanEquals": {"K": "2026-11-22T12:00:00Z"}"#, Allowed),
        (&["2026-11-22T12:00:00Z"], r#""DateNotEquals": {"K": "2026-11-22T12:00:00Z"}"#, Denied),
        (&["2026-11-22T12:00:00Z"], r#""DateNotEquals": {"K": ["2026-11-22", "2026"]}"#, Allowed),
        (&[], r#""DateNotEquals": {"K": "2026"}"#, Allowed),
        (&[], r#""DateLessThan": {"K": "2026"}"#, Denied),
        // No time matches nothing, and wildcards are none.
        (&["2026-11-22T12:00:00Z"], r#""DateGreaterThan": {"K": "yesterday"}"#, Denied),
        (&["2026-11-22T12:00:00Z"], r#""DateGreaterThan": {"K": "2025-*"}"#, Denied),
        (&["2026-11-22T12:00:00Z"], r#""DateGreaterThan": {"K": "2025-13-01"}"#, Denied),
        (&["2026-11-22T12:00:00Z"], r#""DateGreaterThan": {"K": "2025-01-01T00:00:00"}"#, Denied),
        (&["2026-11-22T12:00:00Z"], r#""DateGreaterThan": {"K": "01/01/2025"}"#, Denied),
        (&["now"], r#""DateLessThan": {"K": "2027"}"#, Denied),
        (&["now"], r#""DateNotEquals": {"K": "2027"}"#, Allowed),
    ]);
}

#[rustfmt::skip]
#[test]
fn booleans_addresses_and_bytes() {
    try_all(OPERATORS, &[
        (&["true"], r#""Bool": {"K": "true"}"#, Allowed),
        (&["true"], r#""Bool": {"K": true}"#, Allowed),
        (&["true"], r#""Bool": {"K": "TRUE"}"#, Allowed),
        (&["True"], r#""Bool": {"K": "true"}"#, Allowed),
        (&["true"], r#""Bool": {"K": "false"}"#, Denied),
        (&["true"], r#""Bool": {"K": ["false", "true"]}"#, Allowed),
        (&["false"], r#""Bool": {"K": false}"#, Allowed),
        (&[], r#""Bool": {"K": "false"}"#, Denied),
        (&["yes"], r#""Bool": {"K": "yes"}"#, Denied),
        (&["1"], r#""Bool": {"K": "true"}"#, Denied),
        (&["true"], r#""Bool": {"K": "1"}"#, Denied),
        (&["203.0.113.7"], r#""IpAddress": {"K": "203.0.113.0/24"}"#, Allowed),
        (&["203.0.114.7"], r#""IpAddress": {"K": "203.0.113.0/24"}"#, Denied),
        (&["203.0.113.7"], r#""IpAddress": {"K": "203.0.113.7"}"#, Allowed),
        (&["203.0.113.8"], r#""IpAddress": {"K": "203.0.113.7"}"#, Denied),
        (&["203.0.113.8"], r#""IpAddress": {"K": ["203.0.113.7", "203.0.113.8/31"]}"#, Allowed),
        (&["203.0.113.8"], r#""IpAddress": {"K": "0.0.0.0/0"}"#, Allowed),
        (&["2001:db8:1234:5678::1"], r#""IpAddress": {"K": ["203.0.113.0/24", "2001:DB8:1234:5678::/64"]}"#, Allowed),
        (&["2001:db8:1234:5679::1"], r#""IpAddress": {"K": "2001:DB8:1234:5678::/64"}"#, Denied),
        (&["203.0.113.7"], r#""NotIpAddress": {"K": "203.0.113.0/24"}"#, Denied),
        (&["198.51.100.7"], r#""NotIpAddress": {"K": ["203.0.113.0/24", "192.0.2.0/24"]}"#, Allowed),
        (&["192.0.2.7"], r#""NotIpAddress": {"K": ["203.0.113.0/24", "192.0.2.0/24"]}"#, Denied),
        (&[], r#""NotIpAddress": {"K": "203.0.113.0/24"}"#, Allowed),
        (&[], r#""IpAddress": {"K": "203.0.113.0/24"}"#, Denied),
        (&["203.0.113.7"], r#""IpAddress": {"K": "203.0.113.*"}"#, Denied),
        (&["203.0.113.7"], r#""IpAddress": {"K": "203.0.113.0/33"}"#, Denied),
        (&["203.0.113.0/24"], r#""IpAddress": {"K": "203.0.113.0/24"}"#, Unknown),
        (&["203.0.113.0/24"], r#""NotIpAddress": {"K": "203.0.113.0/24"}"#, Unknown),
        (&["here"], r#""IpAddress": {"K": "0.0.0.0/0"}"#, Denied),
        // A text of its own, or its Base64.
        (&["BinaryValueInBase64"], r#""BinaryEquals": {"K": "QmluYXJ5VmFsdWVJbkJhc2U2NA=="}"#, Allowed),
        (&["QmluYXJ5VmFsdWVJbkJhc2U2NA=="], r#""BinaryEquals": {"K": "QmluYXJ5VmFsdWVJbkJhc2U2NA=="}"#, Allowed),
        (&["other"], r#""BinaryEquals": {"K": "QmluYXJ5VmFsdWVJbkJhc2U2NA=="}"#, Denied),
        (&["no Base64!"], r#""BinaryEquals": {"K": "no Base64!"}"#, Denied),
        (&[], r#""BinaryEquals": {"K": "eA=="}"#, Denied),
    ]);
}

#[rustfmt::skip]
#[test]
fn arns() {
    try_all(OPERATORS, &[
        (&["arn:aws:iam::1:role/a/b"], r#""ArnEquals": {"K": "arn:aws:iam::1:role/a/b"}"#, Allowed),
        (&["arn:aws:iam::1:role/a/b"], r#""ArnEquals": {"K": "arn:aws:iam::*:role/*"}"#, Allowed),
        (&["arn:aws:iam::1:role/a/b"], r#""ArnLike": {"K": "arn:aws:iam::?:role/a/?"}"#, Allowed),
        (&["arn:aws:iam::1:role/a/b"], r#""ArnLike": {"K": "arn:aws:iam::1:role/A/b"}"#, Denied),
        (&["arn:aws:iam::1:role/a/b"], r#""ArnLike": {"K": "arn:*:role/a/b"}"#, Denied),
        (&["arn:aws:iam::1:role/a/b"], r#""StringLike": {"K": "arn:*:role/a/b"}"#, Allowed),
        (&["arn:aws:iam::1:role/a/b"], r#""ArnLike": {"K": "arn:*:*:*:*:*"}"#, Allowed),
        (&["arn:aws:s:us-east-2:9:store/abc:1:finance/x"], r#""ArnLike": {"K": "arn:aws:s:*:1:finance/*"}"#, Denied),
        (&["arn:aws:s:us-east-2:9:store/abc:1:finance/x"], r#""StringLike": {"K": "arn:aws:s:*:1:finance/*"}"#, Allowed),
        (&["arn:aws:iam::1:role/a/b"], r#""ArnNotEquals": {"K": "arn:aws:iam::1:role/*"}"#, Denied),
        (&["arn:aws:iam::1:role/a/b"], r#""ArnNotLike": {"K": ["arn:aws:iam::2:role/*", "arn:aws:iam::3:role/*"]}"#, Allowed),
        (&["arn:aws:iam::1:role/a/b"], r#""ArnNotLike": {"K": ["arn:aws:iam::2:role/*", "arn:aws:iam::1:role/*"]}"#, Denied),
        (&[], r#""ArnLike": {"K": "arn:aws:iam::1:role/*"}"#, Denied),
        (&[], r#""ArnNotLike": {"K": "arn:aws:iam::1:role/*"}"#, Allowed),
        (&["role"], r#""ArnLike": {"K": "arn:aws:iam::1:role/*"}"#, Denied),
    ]);
}

#[rustfmt::skip]
#[test]
fn existence() {
    try_all(OPERATORS, &[
        (&[], r#""StringEqualsIfExists": {"K": "a"}"#, Allowed),
        (&["b"], r#""StringEqualsIfExists": {"K": "a"}"#, Denied),
        (&["a"], r#""StringEqualsIfExists": {"K": "a"}"#, Allowed),
        (&[], r#""StringNotEqualsIfExists": {"K": "a"}"#, Allowed),
        (&["a"], r#""StringNotEqualsIfExists": {"K": "a"}"#, Denied),
        (&[], r#""StringLikeIfExists": {"K": "a*"}"#, Allowed),
        (&[], r#""NumericLessThanIfExists": {"K": "1"}"#, Allowed),
        (&["2"], r#""NumericLessThanIfExists": {"K": "1"}"#, Denied),
        (&[], r#""DateLessThanIfExists": {"K": "2026"}"#, Allowed),
        (&[], r#""BoolIfExists": {"K": "true"}"#, Allowed),
        (&["false"], r#""BoolIfExists": {"K": "true"}"#, Denied),
        (&[], r#""IpAddressIfExists": {"K": "192.0.2.0/24"}"#, Allowed),
        (&[], r#""BinaryEqualsIfExists": {"K": "eA=="}"#, Allowed),
        (&[], r#""ArnLikeIfExists": {"K": "arn:aws:iam::1:role/*"}"#, Allowed),
        (&[], r#""Null": {"K": "true"}"#, Allowed),
        (&[], r#""Null": {"K": true}"#, Allowed),
        (&[], r#""Null": {"K": "TRUE"}"#, Allowed),
        (&[], r#""Null": {"K": "false"}"#, Denied),
        (&["a"], r#""Null": {"K": "true"}"#, Denied),
        (&["a"], r#""Null": {"K": "false"}"#, Allowed),
        (&["a"], r#""Null": {"K": ["true", "false"]}"#, Allowed),
        (&["a"], r#""Null": {"K": "no"}"#, Denied),
        // An empty value is null.
        (&[""], r#""Null": {"K": "false"}"#, Denied),
    ]);
}

#[rustfmt::skip]
#[test]
fn sets() {
    try_all(SETS, &[
        (&["a"], r#""ForAllValues:StringEquals": {"K": ["a", "b"]}"#, Allowed),
        (&["a", "b"], r#""ForAllValues:StringEquals": {"K": ["a", "b"]}"#, Allowed),
        (&["a", "c"], r#""ForAllValues:StringEquals": {"K": ["a", "b"]}"#, Denied),
        (&["c"], r#""ForAllValues:StringEquals": {"K": ["a", "b"]}"#, Denied),
        (&[], r#""ForAllValues:StringEquals": {"K": ["a", "b"]}"#, Allowed),
        (&[""], r#""ForAllValues:StringEquals": {"K": ["a", "b"]}"#, Allowed),
        (&["a"], r#""ForAnyValue:StringEquals": {"K": ["a", "b"]}"#, Allowed),
        (&["c", "a"], r#""ForAnyValue:StringEquals": {"K": ["a", "b"]}"#, Allowed),
        (&["c"], r#""ForAnyValue:StringEquals": {"K": ["a", "b"]}"#, Denied),
        (&[], r#""ForAnyValue:StringEquals": {"K": ["a", "b"]}"#, Denied),
        (&[""], r#""ForAnyValue:StringLike": {"K": "*"}"#, Denied),
        (&["key1:x", "key2:y"], r#""ForAllValues:StringLike": {"K": ["key1*", "key2*"]}"#, Allowed),
        (&["key1:x", "key3:y"], r#""ForAllValues:StringLike": {"K": ["key1*", "key2*"]}"#, Denied),
        // No value may be one of them.
        (&["a", "c"], r#""ForAllValues:StringNotEquals": {"K": ["a", "b"]}"#, Denied),
        (&["c", "d"], r#""ForAllValues:StringNotEquals": {"K": ["a", "b"]}"#, Allowed),
        (&[], r#""ForAllValues:StringNotEquals": {"K": ["a", "b"]}"#, Allowed),
        (&["key1:legal"], r#""ForAllValues:StringNotLike": {"K": "key1*"}"#, Denied),
        (&["key1:hr", "key1:x"], r#""ForAllValues:StringNotLike": {"K": "key1*"}"#, Denied),
        (&["key2:audit"], r#""ForAllValues:StringNotLike": {"K": "key1*"}"#, Allowed),
        (&[], r#""ForAllValues:StringNotLike": {"K": "key1*"}"#, Allowed),
        // One value that is none of them will do.
        (&["a", "c"], r#""ForAnyValue:StringNotEquals": {"K": ["a", "b"]}"#, Allowed),
        (&["a", "b"], r#""ForAnyValue:StringNotEquals": {"K": ["a", "b"]}"#, Denied),
        (&[], r#""ForAnyValue:StringNotEquals": {"K": ["a", "b"]}"#, Denied),
        // With the key's existence.
        (&[], r#""ForAllValues:StringEquals": {"K": "a"}, "Null": {"K": "false"}"#, Denied),
        (&["a"], r#""ForAllValues:StringEquals": {"K": "a"}, "Null": {"K": "false"}"#, Allowed),
        (&[], r#""ForAllValues:StringEqualsIfExists": {"K": "a"}"#, Allowed),
        (&[], r#""ForAnyValue:StringEqualsIfExists": {"K": "a"}"#, Allowed),
        (&["b"], r#""ForAnyValue:StringEqualsIfExists": {"K": "a"}"#, Denied),
        // "They always return true or false, respectively."
        (&["a"], r#""ForAllValues:Null": {"K": "true"}"#, Allowed),
        (&[], r#""ForAllValues:Null": {"K": "false"}"#, Allowed),
        (&["a"], r#""ForAnyValue:Null": {"K": "false"}"#, Denied),
        (&[], r#""ForAnyValue:Null": {"K": "true"}"#, Denied),
        // Other types.
        (&["1", "2"], r#""ForAllValues:NumericLessThan": {"K": "3"}"#, Allowed),
        (&["1", "4"], r#""ForAllValues:NumericLessThan": {"K": "3"}"#, Denied),
        (&["1", "x"], r#""ForAllValues:NumericLessThan": {"K": "3"}"#, Denied),
        (&["true", "false"], r#""ForAnyValue:Bool": {"K": "true"}"#, Allowed),
        (&["arn:aws:iam::1:role/a"], r#""ForAnyValue:ArnLike": {"K": "arn:aws:iam::1:role/*"}"#, Allowed),
        (&["192.0.2.1", "203.0.113.1"], r#""ForAllValues:IpAddress": {"K": "192.0.2.0/24"}"#, Denied),
        // Several values need a set operator; where none matches, no reading of it holds.
        (&["a", "b"], r#""StringEquals": {"K": "a"}"#, Unknown),
        (&["a", "b"], r#""StringEquals": {"K": "c"}"#, Denied),
        (&["a", "b"], r#""StringNotEquals": {"K": ["a", "b"]}"#, Denied),
        (&["a", "b"], r#""StringNotEquals": {"K": "c"}"#, Unknown),
    ]);
}
