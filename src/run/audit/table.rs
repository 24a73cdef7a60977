//! `audit` on paper: a row for each workload and state, in kubectl's columns.

use std::io::{self, Write};

use diagnosis::{Audit, AuditedPod, AuditedWorkload, Commands, PodState, Remedy};

use crate::run::output::{Lines, Tone, table};

/// How many nodes one row names.
const MOST_NODES: usize = 3;

const COLUMNS: [&str; 9] =
    ["NAMESPACE", "OWNER", "SERVICEACCOUNT", "STATE", "PODS", "COMMAND", "NODE", "ROLE", "REASON"];

/// The columns that every row has; the others are wide.
const NARROW: usize = 6;

/// The rows; nothing where all pods are fine.
pub(super) fn write(
    out: &mut Lines<impl Write>,
    audit: &Audit,
    wide: bool,
    commands: &Commands,
) -> io::Result<()> {
    let workloads = audit.workloads();
    let rows: Vec<Vec<table::Cell>> = workloads.iter().map(|it| row(it, wide, commands)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let columns = if wide { &COLUMNS[..] } else { &COLUMNS[..NARROW] };
    out.table(columns, &rows)
}

fn row(workload: &AuditedWorkload<'_>, wide: bool, commands: &Commands) -> Vec<table::Cell> {
    let AuditedPod { state, why, namespace, owner, service_account, role, .. } = workload.first;
    let account = service_account.split_once('/').map_or("", |(_, name)| name);
    let tone = match state {
        PodState::Fine | PodState::Foreign => Tone::Faint,
        PodState::Unknown => Tone::Doubtful,
        _ => Tone::Bad,
    };
    let mut row = vec![
        table::Cell::plain(namespace),
        table::Cell::plain(&owner.object()),
        table::Cell::plain(account),
        table::Cell::toned(tone, state.as_str()),
        table::Cell::plain(&workload.pods.len().to_string()),
        table::Cell::plain(&command(workload, commands)),
    ];
    if wide {
        row.extend([&nodes(workload), role, why].map(|text| table::Cell::plain(text)));
    }
    row
}

/// What mends all pods of the row, for a shell: where that takes a person, a comment.
fn command(workload: &AuditedWorkload<'_>, commands: &Commands) -> String {
    let AuditedPod { namespace, owner, remedy, next, pod, .. } = workload.first;
    match remedy {
        Remedy::Nothing => String::new(),
        Remedy::Ask => commands.doctor(namespace, &format!("pod/{pod}")),
        Remedy::Restart => {
            let pods: Vec<&str> = workload.pods.iter().map(|it| it.pod.as_str()).collect();
            let command = commands.restart(namespace, owner, &pods);
            command.unwrap_or_else(|| format!("# make {} anew from its manifest", owner.object()))
        }
        Remedy::Manifest | Remedy::Register => format!("# {next}"),
    }
}

fn nodes(workload: &AuditedWorkload<'_>) -> String {
    let mut nodes: Vec<&str> = workload.pods.iter().map(|it| it.node.as_str()).collect();
    nodes.retain(|node| !node.is_empty());
    nodes.sort_unstable();
    nodes.dedup();
    let named = nodes.iter().take(MOST_NODES).copied().collect::<Vec<_>>().join(",");
    match nodes.len().saturating_sub(MOST_NODES) {
        0 => named,
        more => format!("{named}+{more}"),
    }
}
