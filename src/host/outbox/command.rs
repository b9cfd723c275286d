//! Commands that tell people: in the user's checkout, in a family that ends with orch.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::timeout;

use crate::base::measure::Millis;
use crate::base::name::EnvName;
use crate::engine::outcome::evidence::Ending;
use crate::engine::outcome::last_words;
use crate::host::error::{Doing, Result};
use crate::host::process::{Ended, Family, Happening, Reading};
use crate::host::session::{Aside, Environment, Runner};
use crate::host::store::aside;
use crate::spec::plan::CommandLine;

/// Between the polite and the forced end of one that takes too long.
const GRACE: Duration = Duration::from_millis(500);

/// What is run.
pub struct Order {
    pub line: CommandLine,
    /// Variables of orch's environment that it gets beside the common ones.
    pub env: Vec<EnvName>,
    pub set: Vec<(&'static str, String)>,
    pub stdin: String,
    pub limit: Millis,
}

impl Order {
    /// # Errors
    /// How it failed, on one line.
    pub fn run(&self, root: &Path) -> std::result::Result<(), String> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let private = root.join(format!(".orch/run/{}-notice-{next}", std::process::id()));
        let ended = self.end_of(root, &private);
        let _ = fs::remove_dir_all(&private);
        let Some(ended) = ended.map_err(|error| error.on_one_line())? else {
            return Err(format!("not over within {}", self.limit));
        };
        match ended.ending {
            Ending::Exited(0) => Ok(()),
            Ending::Exited(code) => Err(with_last_words(format!("exit code {code}"), &ended)),
            Ending::Signaled(signal) => {
                Err(with_last_words(format!("ended by signal {signal}"), &ended))
            }
            Ending::LaunchFailed(why) => Err(why),
            other => Err(format!("{other:?}")),
        }
    }

    /// `None` where it took too long.
    fn end_of(&self, root: &Path, private: &Path) -> Result<Option<Ended>> {
        let caller = |name: &str| std::env::var_os(name);
        let aside = Aside {
            line: self.line.clone(),
            dir: root.to_path_buf(),
            private: private.to_path_buf(),
            env: Environment::beside(&self.env, &self.set, private, caller),
            marker: format!("{}-notice", std::process::id()),
            checkout: root.to_path_buf(),
        };
        let mut spawn = Runner::new()?.spawn_of(&aside)?;
        spawn.stdin = Some(private.join("stdin"));
        self.write_stdin(private).doing("writing what a command is given", private)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.doing("starting the runtime", root)?;
        runtime.block_on(async {
            let mut family = spawn.start()?;
            family.starting().begin();
            let limit = Duration::from_millis(self.limit.0);
            let is_in_time = timeout(limit, over(&mut family)).await.is_ok();
            if !is_in_time {
                family.terminate();
                if timeout(GRACE, over(&mut family)).await.is_err() {
                    family.kill();
                    over(&mut family).await;
                }
            }
            let ended = family.finish(drop).await;
            Ok(is_in_time.then_some(ended))
        })
    }

    fn write_stdin(&self, private: &Path) -> std::io::Result<()> {
        let mut file = aside::file_in(private)?;
        file.write_all(self.stdin.as_bytes())?;
        file.persist(private.join("stdin"))?;
        Ok(())
    }
}

/// Hears it to its end. Cancel safe.
async fn over(family: &mut Family) {
    while !matches!(family.next(Reading::Output).await, Happening::Over) {}
}

fn with_last_words(why: String, ended: &Ended) -> String {
    match last_words(&ended.stderr_tail) {
        Some(said) => format!("{why}: {said}"),
        None => why,
    }
}
