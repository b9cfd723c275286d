//! What a key must notice, and what it must not.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::base::name::RuleName;
use crate::base::source::Source;

/// Everything an action is made of, as texts that a test can vary one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    allowed: Option<Vec<String>>,
    agent: Option<(String, Vec<String>, bool)>,
    model: Option<String>,
    prompt: Option<String>,
    command: Vec<String>,
    doc: Option<(String, Option<String>)>,
    inputs: Vec<(String, String)>,
    outputs: Vec<String>,
    needs: Vec<(String, String)>,
    env: Vec<(String, Option<String>)>,
}

fn path(name: &str) -> RelPath {
    RelPath::new(format!("src/{name}.x")).unwrap()
}

fn state(text: &str) -> FileState {
    FileState::regular(text.as_bytes())
}

fn key_of(parts: &Parts) -> ActionKey {
    let mut rule = implement();
    rule.outputs.allowed =
        parts.allowed.as_ref().map(|it| GlobSet::new(it.iter().map(String::as_str)));
    let agent = parts.agent.as_ref().map(|(body, tools, bypass)| {
        let source = Source::new(RelPath::new("agents/a.md").unwrap(), "");
        let mut agent = crate::spec::agent::parse(&source).value;
        agent.body.clone_from(body);
        agent.tools.clone_from(tools);
        agent.permission = if *bypass { Permission::Bypass } else { Permission::LeastPrivilege };
        agent
    });
    let command = CommandLine::Argv(parts.command.clone());
    let inputs: Vec<_> =
        parts.inputs.iter().map(|(name, text)| (path(name), state(text))).collect();
    let needs: Vec<_> = parts
        .needs
        .iter()
        .map(|(id, out)| (TaskId::new(id.as_str()), OutputDigest(Digest::of(out.as_bytes()))))
        .collect();
    let env: Vec<_> = parts
        .env
        .iter()
        .map(|(name, value)| (EnvName::new(name.as_str()), value.clone()))
        .collect();
    let doc = parts.doc.as_ref().map(|(name, text)| (path(name), text.as_deref().map(state)));
    Action {
        judge: None,
        rule: &rule,
        agent: agent.as_ref(),
        model: parts.model.as_ref().map(|it| ModelName::new(it.as_str())).as_ref(),
        work: match &parts.prompt {
            Some(prompt) => Work::Session(prompt),
            None => Work::Command(&command),
        },
        plan_doc: doc,
        inputs: &inputs,
        outputs: &GlobSet::new(parts.outputs.iter().map(String::as_str)),
        needs: &needs,
        env: &env,
    }
    .key()
}

fn implement() -> Rule {
    let prompt = |name: &str| crate::spec::builtin::prompt(name).map(str::to_owned);
    let drafts = crate::spec::builtin::rules();
    let drafts = drafts.iter().map(|it| crate::spec::rule::parse(it, &prompt).value).collect();
    crate::spec::rule::resolve(drafts).value.remove(&RuleName::new("implement")).unwrap()
}

fn parts() -> impl Strategy<Value = Parts> {
    let text = || "[ab1]{0,2}";
    let word = || "[ab1]{1,2}";
    let pairs = move || vec((word(), text()), 0..3);
    let front = (
        proptest::option::of(vec(word(), 0..3)),
        proptest::option::of((text(), vec(word(), 0..3), any::<bool>())),
        proptest::option::of(word()),
        proptest::option::of(text()),
        vec(text(), 1..3),
    );
    let back = (
        proptest::option::of((word(), proptest::option::of(text()))),
        pairs(),
        vec(word(), 0..3),
        pairs(),
        vec((word(), proptest::option::of(text())), 0..3),
    );
    (front, back).prop_map(
        |((allowed, agent, model, prompt, command), (doc, inputs, outputs, needs, env))| {
            // A session has no command: what is not part of the action must not differ.
            let command = if prompt.is_some() { Vec::new() } else { command };
            Parts { allowed, agent, model, prompt, command, doc, inputs, outputs, needs, env }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn keys_are_equal_exactly_where_everything_is(one in parts(), other in parts()) {
        prop_assert_eq!(key_of(&one) == key_of(&other), one == other);
        prop_assert_eq!(key_of(&one), key_of(&one.clone()));
    }

    #[test]
    fn one_changed_part_is_another_key(base in parts(), other in parts(), which in 0usize..10) {
        let mut changed = base.clone();
        match which {
            0 => changed.allowed = other.allowed,
            1 => changed.agent = other.agent,
            2 => changed.model = other.model,
            3 => (changed.prompt, changed.command) = (other.prompt, other.command),
            4 => changed.doc = other.doc,
            5 => changed.inputs = other.inputs,
            6 => changed.outputs = other.outputs,
            7 => changed.needs = other.needs,
            8 => changed.env = other.env,
            _ => changed.env.push(("NEW".to_owned(), None)),
        }
        prop_assert_eq!(key_of(&base) == key_of(&changed), base == changed);
    }
}
