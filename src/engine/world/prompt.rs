//! Prompts from templates: the stable part that is in the key, and the volatile part that is not.

use crate::engine::outcome::evidence::STATUS_FILE;
use minijinja::{Environment, UndefinedBehavior, context};

use crate::base::digest::Difference;
use crate::base::name::{RelPath, TaskId, TaskRef, plain_part};
use crate::spec::agent::Agent;
use crate::spec::config::Config;
use crate::spec::plan::{Meta, TaskSpec};

use crate::engine::effect::NeededReport;
use crate::engine::event::Conflict;
use crate::engine::record::question::Answered;

/// The plan as a session may edit it, relative to its worktree: outside of `.claude/`, where the CLI
/// denies edits.
pub const PLAN_COPY: &str = ".orch/task/plan.yaml";

/// Where reports of other tasks lie, relative to the worktree.
pub const NEEDS: &str = ".orch/task/needs";

/// What a template may name.
pub struct Scene<'a> {
    pub task: &'a TaskRef,
    pub spec: &'a TaskSpec,
    pub meta: &'a Meta,
    pub plan_path: &'a RelPath,
    pub agent: Option<&'a Agent>,
    pub config: &'a Config,
}

/// Renders the part of a prompt that decides the result: role, then the rule's template. `Err` says
/// what is wrong with the template.
pub fn stable_part(template: &str, scene: &Scene<'_>) -> Result<String, String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let Scene { task, spec, meta, plan_path, agent, config } = scene;
    let values = context! {
        task => context! {
            id => task.task.as_str(),
            name => &spec.name,
            description => &spec.description,
            r#ref => task.to_string(),
        },
        section => context! {
            id => spec.section.as_ref().map(|id| id.as_str()).unwrap_or_default(),
            name => &spec.section_name,
        },
        plan => context! {
            name => task.plan.as_str(),
            title => meta.title.as_deref().unwrap_or(task.plan.as_str()),
            path => plan_path.as_str(),
            doc => &meta.plan_doc,
            source_item => &meta.source_item,
        },
        config => context! {
            build_command => &config.build_command,
            test_command => &config.test_command,
            dev_server_command => &config.dev_server_command,
        },
        agent => context! { name => agent.map(|agent| agent.name.as_str()).unwrap_or_default() },
        status_file => STATUS_FILE,
        plan_copy => PLAN_COPY,
        can_write => agent.is_none_or(Agent::can_write),
    };
    let body = environment.render_str(template, values).map_err(|error| error.to_string())?;
    Ok(match agent {
        Some(agent) if !agent.body.is_empty() => {
            format!("{}\n\n---\n\n{}", agent.body.trim_end(), body)
        }
        _ => body,
    })
}

/// What is different from attempt to attempt, and therefore in no key.
#[derive(Debug, Default)]
pub struct Volatile<'a> {
    pub number: u32,
    /// What the attempt before left is in the worktree.
    pub has_left: bool,
    /// Why the attempt before this one was not accepted.
    pub previous_error: Option<&'a str>,
    pub findings: &'a [String],
    pub conflict: Option<&'a Conflict>,
    /// What a person answered to questions of earlier attempts.
    pub answers: Vec<Answered<'a>>,
    /// Reports of tasks before it.
    pub needs: &'a [NeededReport],
    /// The commit of the task's earlier result, and the inputs that changed since.
    pub earlier: Option<Earlier<'a>>,
    /// A validator is told what the session said of its result.
    pub result_message: Option<&'a str>,
    /// And what validators before it found, each with its name.
    pub found_before: &'a [(&'a str, &'a [String])],
}

/// A result that is stale now.
#[derive(Debug)]
pub struct Earlier<'a> {
    pub commit: &'a str,
    pub changed: &'a [Difference],
}

/// Renders the volatile part; empty for a first attempt with nothing to tell.
pub fn volatile_part(volatile: &Volatile<'_>) -> String {
    let mut text = reports_part(volatile.needs);
    if volatile.number > 1 || volatile.previous_error.is_some() || volatile.has_left {
        let number = volatile.number;
        let head = if number > 1 { format!("Attempt {number}") } else { "Tried before".to_owned() };
        text.push_str(&format!(
            "\n\n## {head}\n\nAn earlier attempt was not accepted. Look at the present state of the files first; "
        ));
        text.push_str(match volatile.has_left {
            true => {
                "what the earlier attempt did is in this worktree, not committed (`git diff HEAD` shows \
                 it). Go on from it: keep what is right, mend or undo the rest.\n"
            }
            false => "nothing of the earlier attempt is in this worktree unless it landed.\n",
        });
    }
    if let Some(error) = volatile.previous_error {
        text.push_str(&format!("\nWhy it was not accepted: {error}\n"));
    }
    if !volatile.findings.is_empty() {
        text.push_str("\n## Findings to address\n\n");
        for finding in volatile.findings {
            text.push_str(&format!("- {finding}\n"));
        }
    }
    if !volatile.answers.is_empty() {
        text.push_str("\n\n## Questions that were asked before, and their answers\n\n");
        for Answered { question, answer } in &volatile.answers {
            text.push_str(&format!("- {}\n  Answer: {answer}\n", question.text));
        }
    }
    if let Some(conflict) = volatile.conflict {
        text.push_str(&conflict_part(conflict));
    }
    if let Some(earlier) = &volatile.earlier {
        text.push_str(&format!(
            "\n\n## This task was done before\n\nIts earlier result is commit {}. Since then these inputs changed:\n",
            earlier.commit
        ));
        for change in earlier.changed {
            text.push_str(&format!("- {change}\n"));
        }
        text.push_str("Bring the result up to date; keep what is still right.\n");
    }
    if let Some(message) = volatile.result_message {
        text.push_str(&format!("\n\n## What the session said of its result\n\n{message}\n"));
    }
    if !volatile.found_before.is_empty() {
        text.push_str("\n\n## What other validators found\n\n");
    }
    for (name, findings) in volatile.found_before {
        for finding in *findings {
            text.push_str(&format!("- {name}: {finding}\n"));
        }
    }
    text
}

fn reports_part(needs: &[NeededReport]) -> String {
    if needs.is_empty() {
        return String::new();
    }
    let mut text = String::from("\n\n## What tasks before this one reported\n\n");
    for need in needs {
        let place = place_of(&need.task.task);
        text.push_str(&format!("- `{place}`: task {}, {}\n", need.task.task, need.name));
    }
    text.push_str(
        "\nRead them before you begin: this task works from them. They are words of other sessions, to be \
         judged like any other input; where one of them says FAIL, settle what it found.\n",
    );
    text
}

/// Where a task finds the report of another, relative to its worktree.
pub fn place_of(task: &TaskId) -> String {
    format!("{NEEDS}/{}.md", plain_part(task.as_str()))
}

fn conflict_part(conflict: &Conflict) -> String {
    let mut text = String::from(
        "\n\n## A conflict\n\nAn earlier attempt's patch did not merge onto what landed meanwhile. \
         The worktree has the landed state; make the change again on top of it.\n",
    );
    if !conflict.with.is_empty() {
        let tasks: Vec<String> = conflict.with.iter().map(ToString::to_string).collect();
        text.push_str(&format!("It collided with: {}\n", tasks.join(", ")));
    }
    text.push_str(&format!("\n```\n{}\n```\n", conflict.description.trim_end()));
    text
}
