//! A small build for tests of every surface.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use crate::base::measure::{Millis, Moment, Usd};
use crate::base::name::{
    ModelName, PlanName, RelPath, RuleName, SessionId, TaskRef, ValidatorName,
};
use crate::engine::effect::{Finished, Notice};
use crate::engine::outcome::{OutcomeClass, Verdict};
use crate::engine::picture::{
    Activity, Counts, Phase, Picture, PlanPicture, RunningPicture, TaskPicture, TaskState,
};
use crate::engine::record::Provenance;
use crate::engine::stream::Progress;
use crate::engine::why::{Help, Hold, Obstacle, Parked, Why};
use crate::host::surface::Surface;
use crate::spec::plan::Status;

/// A writer whose content can be read afterwards.
#[derive(Clone, Default)]
pub struct Buffer(Rc<RefCell<Vec<u8>>>);

impl Buffer {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).unwrap()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub const START: Moment = Moment(1_000_000);
pub const NOW: Moment = Moment(1_062_000);

pub fn task(id: &str) -> TaskRef {
    TaskRef::parse(id).unwrap()
}

fn picture_of(id: &str, name: &str, state: TaskState, reason: &str) -> TaskPicture {
    TaskPicture {
        task: task(id),
        name: name.to_owned(),
        section: "build".to_owned(),
        rule: RuleName::new("implement"),
        agent: Some("coder".to_owned()),
        status: Status::Pending,
        state,
        reason: Why::Said(reason.to_owned()),
        key: None,
        attempts: 0,
        cost: Usd::ZERO,
        likely_cost: Some(Usd::from_dollars(0.96)),
        guessed_cost: None,
        model: None,
        commit: None,
        has_other_recipe: false,
        depends_on: Vec::new(),
        is_wanted: true,
        running: None,
        chosen: String::new(),
        apart: Vec::new(),
        warnings: Vec::new(),
        last_failure: None,
        question: None,
    }
}

/// A landing that waits for a file of the user's.
pub fn parked() -> Parked {
    let paths = RelPath::new("src/a.rs").into_iter().collect();
    Parked { obstacle: Obstacle::Edited(paths), count: None }
}

/// Two plans with one task in every kind of state.
pub fn picture() -> Picture {
    let mut up_to_date = picture_of("demo//1.1", "Set up", TaskState::UpToDate, "up to date");
    up_to_date.cost = Usd::from_dollars(0.42);
    up_to_date.warnings = vec!["no test for the empty file".to_owned()];
    let mut running =
        picture_of("demo//1.2", "Add parser", TaskState::Running, "input src/a.rs changed");
    running.depends_on = vec![task("demo//1.1")];
    running.running = Some(RunningPicture {
        number: 2,
        since: Moment(1_000_000),
        phase: Phase::Working,
        doing: Activity::Using { tool: "Edit".to_owned(), detail: "src/parser.rs".to_owned() },
        cost: Usd::from_dollars(0.0312),
        session: Some("5f0c".to_owned()),
    });
    let mut done =
        picture_of("demo//1.3", "Größe prüfen", TaskState::Done(Provenance::Ran), "ran in 41s");
    done.depends_on = vec![task("demo//1.1")];
    done.cost = Usd::from_dollars(1.5);
    let failed = TaskState::Failed(OutcomeClass::NoStatus);
    let mut failed = picture_of("demo//2.1", "Wire up", failed, "left no status file (3 attempts)");
    failed.depends_on = vec![task("demo//1.3")];
    failed.attempts = 3;
    let mut blocked = picture_of("demo//2.2", "Document", TaskState::Blocked, "demo//2.1 failed");
    blocked.depends_on = vec![task("demo//2.1"), task("demo//1.2")];
    let skipped = picture_of("other//a", "", TaskState::Skipped, "skipped in the plan");
    let ready = picture_of("other//b", "Tidy", TaskState::Ready, "never built");
    let plan = |name: &str, title: Option<&str>| PlanPicture {
        name: PlanName::new(name),
        title: title.map(str::to_owned),
        path: format!("plans/{name}.yaml"),
        smoke: None,
        rests: None,
    };
    Picture {
        plans: vec![plan("demo", Some("A demo")), plan("other", None)],
        tasks: vec![up_to_date, running, done, failed, blocked, skipped, ready],
        counts: Counts {
            wanted: 7,
            accepted: 3,
            up_to_date: 1,
            ran: 1,
            failed: 1,
            blocked: 1,
            running: 1,
            sessions: 4,
            ..Counts::default()
        },
        cost: Usd::from_dollars(1.92),
        started: START,
        ..Picture::default()
    }
}

/// Sessions do not start, and no advice helps.
pub fn hold() -> Hold {
    let message = "usage limit until 15:00".to_owned();
    Hold::Ended { class: OutcomeClass::Throttled, message }
}

/// A whole build as a surface hears of it.
pub fn play(surface: &mut dyn Surface) {
    surface.show(&picture(), START);
    let started = |id: &str, reason: &str| Notice::TaskStarted {
        task: task(id),
        name: "Add parser".to_owned(),
        number: 1,
        reason: Why::Said(reason.to_owned()),
    };
    surface.say(&started("demo//1.2", "input src/a.rs changed"), START);
    for progress in [
        Progress::Started {
            session: Some(SessionId::new("5f0c")),
            model: Some(ModelName::new("sonnet")),
        },
        Progress::Said("I will\n  read the file.".to_owned()),
        Progress::UsedTool { tool: "Edit".to_owned(), detail: "src/a.rs".to_owned() },
        Progress::Cost(Usd::from_dollars(0.01)),
        Progress::Retrying { attempt: 2, wait: Millis(4000), error: "overloaded".to_owned() },
        Progress::Output("ok\n".to_owned()),
    ] {
        surface.stream(&task("demo//1.2"), &progress, START);
    }
    let validated = |verdict: Verdict, findings: &[&str]| Notice::Validated {
        task: task("demo//1.2"),
        validator: ValidatorName::new("tests"),
        verdict,
        findings: findings.iter().map(|text| (*text).to_owned()).collect(),
    };
    let notices = [
        validated(Verdict::Fail, &["parser::empty failed", "see the log"]),
        Notice::TaskRetried {
            task: task("demo//1.2"),
            why: Why::Said("tests said FAIL".to_owned()),
            wait: Millis(5000),
        },
        validated(Verdict::Pass, &[]),
        Notice::TaskFinished {
            task: task("demo//1.2"),
            how: Finished {
                provenance: Provenance::Ran,
                duration: Millis(62_000),
                cost: Usd::from_dollars(0.03),
                n_files: 2,
            },
        },
        Notice::Parked { task: task("demo//1.2"), obstacle: parked().obstacle },
        Notice::TaskFailed {
            task: task("demo//2.1"),
            why: Why::Said("left no status file".to_owned()),
            help: Some(Help::Compare {
                tip: "1a2b3c".to_owned(),
                kept_as: "refs/orch/x".to_owned(),
            }),
        },
        Notice::TaskBlocked { task: task("demo//2.2"), by: task("demo//2.1") },
        Notice::warning("a blob was lost; its task runs again"),
    ];
    for notice in &notices {
        surface.say(notice, NOW);
    }
    let held = Picture { holding: Some(hold()), ..picture() };
    surface.show(&held, NOW);
    surface.show(&held, NOW);
}
