//! A development server while it runs, and its end.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::host::process::{Family, Happening, Reading};
use crate::host::session::Transcript;

/// How often a server that starts is asked.
pub const POLL: Duration = Duration::from_millis(50);
/// Between the polite and the forced end of a server.
const GRACE: Duration = Duration::from_secs(5);
/// Lines of stdout and stderr that are shown of a failure.
const SHOWN: (usize, usize) = (20, 10);

/// A server and its whole family. Dropping it ends them by force.
pub struct Server {
    end: oneshot::Sender<()>,
    /// Answers with the last lines it said.
    life: JoinHandle<Vec<String>>,
}

impl Server {
    pub fn of(family: Family, transcript: Transcript) -> Self {
        let (end, ending) = oneshot::channel();
        Self { end, life: tokio::spawn(serve(family, transcript, ending)) }
    }

    pub fn is_over(&self) -> bool {
        self.life.is_finished()
    }

    /// Its end by itself, with the last lines it said; to be asked only once. Cancel safe.
    pub async fn over(&mut self) -> Vec<String> {
        (&mut self.life).await.unwrap_or_default()
    }

    /// Politely, then by force; nothing of it is left afterwards.
    pub async fn end(self) -> Vec<String> {
        let _ = self.end.send(());
        self.life.await.unwrap_or_default()
    }
}

/// Takes in what the server says, so that it never waits for a reader, until it is to end.
async fn serve(
    mut family: Family,
    mut transcript: Transcript,
    mut ending: oneshot::Receiver<()>,
) -> Vec<String> {
    tokio::select! {
        () = over(&mut family, &mut transcript) => {}
        _ = &mut ending => {
            family.terminate();
            if timeout(GRACE, over(&mut family, &mut transcript)).await.is_err() {
                family.kill();
                over(&mut family, &mut transcript).await;
            }
        }
    }
    let ended = family.finish(|said| transcript.hear(&said)).await;
    let stdout = transcript.finish().unwrap_or_else(|error| {
        tracing::warn!("what a dev server said was not kept: {error}");
        String::new()
    });
    last_lines(&stdout, &ended.stderr_tail)
}

/// Hears it to its end. Cancel safe.
async fn over(family: &mut Family, transcript: &mut Transcript) {
    loop {
        match family.next(Reading::Output).await {
            Happening::Over => return,
            said => transcript.hear(&said),
        }
    }
}

/// The last lines of an output that hold anything.
pub fn last_lines(stdout: &str, stderr: &str) -> Vec<String> {
    let last = |text: &str, n: usize| {
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let from = lines.len().saturating_sub(n);
        lines[from..].iter().map(|&line| line.to_owned()).collect::<Vec<_>>()
    };
    [last(stdout, SHOWN.0), last(stderr, SHOWN.1)].concat()
}
