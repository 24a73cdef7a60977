//! Manifests read: YAML or JSON, many documents.

use serde_json::Value;

/// Why a manifest could not be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read it as YAML or JSON: {0}")]
pub struct ReadError(String);

/// The documents, without the empty ones.
///
/// # Errors
/// Text that is neither YAML nor JSON.
pub fn read(text: &str) -> Result<Vec<Value>, ReadError> {
    // As kubectl reads it: `y` and `n` are text.
    let options = serde_saphyr::options! { strict_booleans: true };
    let mut documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| ReadError(error.to_string().lines().next().unwrap_or_default().into()))?;
    documents.retain(|document| !document.is_null());
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_many_documents_and_drops_the_empty_ones() {
        let read = read("# nothing\n---\na: 1\n---\n---\n{\"b\": y}\n").expect("good YAML");
        assert_eq!(read, [serde_json::json!({"a": 1}), serde_json::json!({"b": "y"})]);
    }

    #[test]
    fn says_what_is_wrong_in_one_line() {
        let error = read("a: [").expect_err("bad YAML").to_string();
        assert!(error.contains("YAML") && !error.contains('\n'), "{error}");
    }
}
