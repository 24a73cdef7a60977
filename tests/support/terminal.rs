//! A terminal: commands that run on one, and what they show there.

use std::fs::File;
use std::io::Read as _;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Runs a command whose standard output and standard error are a terminal of so many columns.
/// Its exit code, and what it wrote, with newlines as programs write them.
pub fn on_terminal(command: &mut Command, columns: u16) -> (i32, String) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let here = openpt(flags).unwrap();
    unlockpt(&here).unwrap();
    let there = ioctl_tiocgptpeer(&here, flags).unwrap();
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&there, size).unwrap();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(there.try_clone().unwrap())
        .stderr(there.try_clone().unwrap())
        .spawn()
        .unwrap();
    // The command keeps its own ends open, which would keep the terminal alive.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    drop(there);
    let (mut shown, mut piece, mut here) = (Vec::new(), [0; 4096], File::from(here));
    // The end of a terminal is an error.
    while let Ok(count @ 1..) = here.read(&mut piece) {
        shown.extend_from_slice(&piece[..count]);
    }
    let code = child.wait().unwrap().code().expect("it ends by itself");
    (code, String::from_utf8(shown).expect("UTF-8").replace("\r\n", "\n"))
}
