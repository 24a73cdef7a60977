//! Child processes that never outlive this process.
//!
//! Two nets. A `Process` that is dropped kills its child: that is how it ends when a test passes,
//! fails or panics. And each child asks the kernel, through `setpriv --pdeathsig`, to be killed when
//! its parent is gone: that covers what runs no destructor, that is statics, `abort` and SIGKILL. The
//! kernel takes the *thread* that forked for the parent, and the test runner ends a thread with each
//! test; so one thread, the keeper, forks all children and lives as long as the process.

use std::{
    io,
    path::Path,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError, mpsc},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::poll::poll;

/// A running program; dropping it kills it.
pub struct Process {
    name: String,
    id: u32,
    child: Mutex<Child>,
}

impl Process {
    /// Starts `program`; `configure` adds its arguments, environment and streams.
    pub fn start(
        name: &str,
        program: &Path,
        configure: impl FnOnce(&mut Command),
    ) -> anyhow::Result<Self> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program).stdin(Stdio::null());
        configure(&mut command);
        let child = spawn_in_keeper(command).with_context(|| {
            format!("{name}: failed to run setpriv; it belongs to util-linux, install that")
        })?;
        Ok(Self { name: name.to_owned(), id: child.id(), child: Mutex::new(child) })
    }

    /// The process id; setpriv replaces itself by the program, so it is the program's.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The stream, if it was piped and nobody took it.
    pub fn take_stderr(&self) -> Option<ChildStderr> {
        self.child().stderr.take()
    }

    /// How it ended, if it has.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.child().try_wait().ok().flatten()
    }

    /// Fails, naming the program, if it has ended.
    pub fn check_running(&self) -> anyhow::Result<()> {
        match self.exit_status() {
            None => Ok(()),
            Some(status) => bail!("{} has ended: {status}", self.name),
        }
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) {
        self.send(Signal::TERM);
    }

    /// Stops the time for it (SIGSTOP).
    pub fn freeze(&self) {
        self.send(Signal::STOP);
    }

    pub fn thaw(&self) {
        self.send(Signal::CONT);
    }

    fn send(&self, signal: Signal) {
        let child = self.child();
        // The lock keeps the id from being reaped, and so from being another's, meanwhile.
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let _ = kill_process(pid.expect("a child has a process id"), signal);
    }

    /// Waits for it to end by itself.
    pub async fn wait(&self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        poll(&format!("the end of {}", self.name), deadline, || async {
            self.exit_status().context("it still runs")
        })
        .await
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    pub fn kill(&self) {
        let mut child = self.child();
        // It fails where the process has ended already.
        let _ = child.kill();
        let _ = child.wait();
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether no such process runs; a dead one that nobody has reaped counts as gone.
pub fn process_is_gone(id: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{id}/stat")) else {
        return true;
    };
    // The state follows the name, which stands in parentheses and may hold any character.
    let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
    matches!(state, Some('Z' | 'X'))
}

struct Order {
    command: Command,
    reply: mpsc::SyncSender<io::Result<Child>>,
}

fn spawn_in_keeper(command: Command) -> io::Result<Child> {
    // Never dropped, so the keeper's loop ends with the process only.
    static ORDERS: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        thread::Builder::new()
            .name("keeper".to_owned())
            .spawn(move || {
                for Order { mut command, reply } in inbox {
                    let _ = reply.send(command.spawn());
                }
            })
            .expect("the keeper thread starts");
        orders
    });
    let (reply, answer) = mpsc::sync_channel(1);
    orders.send(Order { command, reply }).expect("the keeper thread lives");
    answer.recv().expect("the keeper thread answers")
}
