//! A program that runs for one connection, and everything that it started.

use std::{
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// It is killed when this is dropped, if it still runs.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Its process group, until it is known to be empty.
    #[cfg(unix)]
    group: Option<rustix::process::Pid>,
}

impl Process {
    /// Starts a command in the shell. Its errors go where ours go.
    pub(crate) fn start(
        command: &str,
        variables: Vec<(String, String)>,
    ) -> io::Result<(Process, ChildStdin, ChildStdout)> {
        let mut shell = shell(command);
        shell.envs(variables).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        shell.kill_on_drop(true);
        // A group of its own: what the shell started ends with it, and Ctrl-C at our terminal is ours.
        #[cfg(unix)]
        shell.process_group(0);
        let mut child = shell.spawn()?;
        let missing = || io::Error::other("the program has no standard input or output");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        #[cfg(unix)]
        let group = child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
        let process = Process {
            child,
            #[cfg(unix)]
            group,
        };
        Ok((process, stdin, stdout))
    }

    /// Waits for its end, and makes it end if it does not want to: SIGTERM after [`PATIENCE`], SIGKILL after twice that
    /// again. What it has started ends too.
    pub(crate) async fn end(mut self) -> io::Result<ExitStatus> {
        if let Ok(status) = timeout(PATIENCE, self.child.wait()).await {
            self.kill_group();
            return status;
        }
        self.terminate();
        if let Ok(status) = timeout(2 * PATIENCE, self.child.wait()).await {
            self.kill_group();
            return status;
        }
        self.kill_group();
        self.child.kill().await?;
        self.child.wait().await
    }

    #[cfg(unix)]
    fn terminate(&self) {
        if let Some(group) = self.group {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
        }
    }

    /// Windows knows no gentle way.
    #[cfg(not(unix))]
    fn terminate(&mut self) {
        let _ = self.child.start_kill();
    }

    /// The number of a group is not given away again as long as anybody is in it, so a late signal meets nobody else.
    #[cfg(unix)]
    fn kill_group(&mut self) {
        if let Some(group) = self.group.take() {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }

    #[cfg(not(unix))]
    fn kill_group(&mut self) {
        let _ = self.child.start_kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_group();
    }
}

#[cfg(unix)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command);
    shell
}

#[cfg(windows)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd");
    shell.arg("/C").raw_arg(command);
    shell
}

/// How long a program may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(1);
