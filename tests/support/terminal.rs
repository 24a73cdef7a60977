//! A terminal: commands that run on one, and what they show there.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::Duration;

use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// A command that takes longer hangs.
const LONGEST: Duration = Duration::from_mins(1);

/// A terminal of so many columns: what a person has, and what a program gets.
fn terminal(columns: u16) -> (File, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let here = openpt(flags).unwrap();
    unlockpt(&here).unwrap();
    let there = ioctl_tiocgptpeer(&here, flags).unwrap();
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&there, size).unwrap();
    (File::from(here), there)
}

/// Runs a command whose standard output and standard error are a terminal of so many columns.
/// Its exit code, and what it wrote, with newlines as programs write them.
pub fn on_terminal(command: &mut Command, columns: u16) -> (i32, String) {
    let (mut here, there) = terminal(columns);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(there.try_clone().unwrap())
        .stderr(there.try_clone().unwrap())
        .spawn()
        .unwrap();
    // The command keeps its own ends open, which would keep the terminal alive.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    drop(there);
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut shown, mut piece) = (Vec::new(), [0; 4096]);
        // The end of a terminal is an error.
        while let Ok(count @ 1..) = here.read(&mut piece) {
            shown.extend_from_slice(&piece[..count]);
        }
        let _ = sender.send(shown);
    });
    let Ok(shown) = ended.recv_timeout(LONGEST) else {
        child.kill().unwrap();
        panic!("{command:?} does not end");
    };
    let code = child.wait().unwrap().code().expect("it ends by itself");
    (code, String::from_utf8(shown).expect("UTF-8").replace("\r\n", "\n"))
}

/// A program on a terminal of its own, to type into.
pub struct Session {
    child: Child,
    here: File,
    shown: Arc<(Mutex<String>, Condvar)>,
}

impl Session {
    /// Starts a program whose input and output is a terminal of 80 columns.
    pub fn start(command: &mut Command) -> Self {
        let (here, there) = terminal(80);
        // A session of its own, so that the terminal is the program's.
        let program = command.get_program().to_owned();
        let args: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let envs: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        let mut own = Command::new("setsid");
        own.arg("--ctty").arg(program).args(args).env_clear().envs(envs);
        if let Some(folder) = command.get_current_dir() {
            own.current_dir(folder);
        }
        let child = own
            .stdin(there.try_clone().unwrap())
            .stdout(there.try_clone().unwrap())
            .stderr(there.try_clone().unwrap())
            .spawn()
            .unwrap();
        own.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        drop(there);
        let shown = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let (mut reader, writer) = (here.try_clone().unwrap(), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut piece) {
                writer.0.lock().unwrap().push_str(&String::from_utf8_lossy(&piece[..count]));
                writer.1.notify_all();
            }
        });
        Self { child, here, shown }
    }

    /// Types, and waits until the terminal shows `what` of it.
    pub fn type_until(&mut self, keys: &str, what: &str) {
        self.shown.0.lock().unwrap().clear();
        self.here.write_all(keys.as_bytes()).unwrap();
        let shown = self.shown.0.lock().unwrap();
        let missing = |shown: &mut String| !shown.contains(what);
        let (shown, waited) =
            self.shown.1.wait_timeout_while(shown, Duration::from_mins(1), missing).unwrap();
        assert!(!waited.timed_out(), "{keys:?} shows {:?} without {what:?}", *shown);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
