//! What Terraform keeps of resources: its state, and what `terraform show -json` prints.

use serde_json::Value;

/// The values of the resources of a type; nothing where this is no state.
pub(super) fn resources<'v>(document: &'v Value, of: &str) -> Option<Vec<&'v Value>> {
    let mut found = Vec::new();
    if let Some(resources) =
        document["resources"].as_array().filter(|_| document["version"].is_u64())
    {
        // A state file has the instances of each resource.
        for resource in resources.iter().filter(|it| it["type"] == of) {
            let instances = resource["instances"].as_array().into_iter().flatten();
            found.extend(instances.map(|instance| &instance["attributes"]));
        }
        return Some(found);
    }
    let shown = ["values", "planned_values"].iter().find_map(|member| document.get(*member))?;
    let mut modules = vec![shown.get("root_module")?];
    while let Some(module) = modules.pop() {
        let resources = module["resources"].as_array().into_iter().flatten();
        found.extend(resources.filter(|it| it["type"] == of).map(|it| &it["values"]));
        modules.extend(module["child_modules"].as_array().into_iter().flatten());
    }
    Some(found)
}
