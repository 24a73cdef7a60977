//! Manifests read: YAML or JSON, many documents.

use serde_json::Value;

use crate::identity::{ManifestError, documents};

/// Reads the documents of a text in YAML or JSON, without the empty ones.
///
/// # Errors
/// Text that is neither YAML nor JSON, or that is too large to be read.
pub fn read(text: &str) -> Result<Vec<Value>, ManifestError> {
    let mut documents = documents(text)?;
    documents.retain(|document| !document.is_null());
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_many_documents_and_drops_the_empty_ones() {
        let read = read("# nothing\n---\na: 1\n---\n---\n{\"b\": 2}\n").expect("good YAML");
        assert_eq!(read, [serde_json::json!({"a": 1}), serde_json::json!({"b": 2})]);
    }

    #[test]
    fn says_what_is_wrong_in_one_line() {
        let error = read("a: [").expect_err("bad YAML").to_string();
        assert!(error.contains("YAML") && !error.contains('\n'), "{error}");
    }
}
