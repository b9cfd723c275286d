//! What a key must notice, and what it must not.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::base::name::RuleName;
use crate::base::source::Source;

/// Everything an action is made of, as texts that a test can vary one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    version: u32,
    allowed: Option<Vec<String>>,
    name: String,
    description: String,
    command: Option<Vec<String>>,
    proposals: Option<u32>,
    doc: Option<Option<String>>,
    inputs: Vec<(String, String)>,
    outputs: Vec<String>,
    needs: Vec<(String, String)>,
    env: Vec<(String, Option<String>)>,
    recipe: Option<String>,
    scripts: Vec<(String, Option<String>)>,
    links: Vec<(String, String)>,
    linked: Vec<(String, String)>,
}

/// Everything that a recipe is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ingredients {
    template: String,
    agent: Option<(String, String, Vec<String>, bool)>,
    judge: Option<String>,
    model: Option<String>,
    test: String,
}

fn path(name: &str) -> RelPath {
    RelPath::new(format!("src/{name}.x")).unwrap()
}

fn state(text: &str) -> FileState {
    FileState::regular(text.as_bytes())
}

fn spec_of(parts: &Parts) -> TaskSpec {
    let mut spec = TaskSpec::default();
    spec.name.clone_from(&parts.name);
    spec.description.clone_from(&parts.description);
    spec.outputs = GlobSet::new(parts.outputs.iter().map(String::as_str));
    spec
}

fn beside_of(parts: &Parts) -> Beside {
    let scripts = parts.scripts.iter().map(|(name, text)| (path(name), text.as_deref().map(state)));
    let links = parts.links.iter().map(|(link, target)| (path(link), path(target)));
    let linked = parts.linked.iter().map(|(name, text)| (path(name), Some(state(text))));
    Beside { scripts: scripts.collect(), links: links.collect(), linked: linked.collect() }
}

fn key_of(parts: &Parts) -> ActionKey {
    let mut rule = implement();
    rule.version = parts.version;
    rule.outputs.allowed =
        parts.allowed.as_ref().map(|it| GlobSet::new(it.iter().map(String::as_str)));
    let inputs: Vec<_> =
        parts.inputs.iter().map(|(name, text)| (path(name), state(text))).collect();
    let needs: Vec<_> = parts
        .needs
        .iter()
        .map(|(id, out)| {
            (Dependency::Own(id.as_str().into()), OutputDigest(Digest::of(out.as_bytes())))
        })
        .collect();
    let env: Vec<_> = parts
        .env
        .iter()
        .map(|(name, value)| (EnvName::new(name.as_str()), value.clone()))
        .collect();
    Action {
        task: &TaskRef::new("p", "1"),
        rule: &rule,
        spec: &spec_of(parts),
        command: parts.command.clone().map(CommandLine::Argv).as_ref(),
        proposals: parts.proposals,
        plan_doc: parts.doc.as_ref().map(|text| text.as_deref().map(state)),
        inputs: &inputs,
        beside: &beside_of(parts),
        needs: &needs,
        env: &env,
        recipe: parts.recipe.as_ref().map(|it| RecipeDigest(Digest::of(it.as_bytes()))),
    }
    .key()
}

fn agent_of(body: &str, name: &str, tools: &[String], bypass: bool) -> Agent {
    let source = Source::new(RelPath::new("agents/a.md").unwrap(), "");
    let mut agent = crate::spec::agent::parse(&source).value;
    agent.name = crate::base::name::AgentName::new(name);
    body.clone_into(&mut agent.body);
    agent.tools = tools.to_vec();
    agent.permission = if bypass { Permission::Bypass } else { Permission::LeastPrivilege };
    agent
}

fn recipe_of(of: &Ingredients) -> RecipeDigest {
    let agent = of.agent.as_ref();
    let agent = agent.map(|(body, name, tools, bypass)| agent_of(body, name, tools, *bypass));
    let config = Config { test_command: of.test.clone(), ..Config::default() };
    Making {
        template: &of.template,
        agent: agent.as_ref(),
        judge: of.judge.as_ref().map(|body| agent_of(body, "judge", &[], false)).as_ref(),
        model: of.model.as_ref().map(|it| ModelName::new(it.as_str())).as_ref(),
        config: &config,
    }
    .digest()
}

fn implement() -> Rule {
    let prompt = |name: &str| crate::spec::builtin::prompt(name).map(str::to_owned);
    let drafts = crate::spec::builtin::rules();
    let drafts = drafts.iter().map(|it| crate::spec::rule::parse(it, &prompt).value).collect();
    crate::spec::rule::resolve(drafts).value.remove(&RuleName::new("implement")).unwrap()
}

fn text() -> &'static str {
    "[ab1]{0,2}"
}

fn word() -> &'static str {
    "[ab1]{1,2}"
}

fn parts() -> impl Strategy<Value = Parts> {
    let pairs = || vec((word(), text()), 0..3);
    let front = (
        0u32..3,
        proptest::option::of(vec(word(), 0..3)),
        text(),
        text(),
        proptest::option::of(vec(text(), 1..3)),
        proptest::option::of(2u32..4),
    );
    let back = (
        proptest::option::of(proptest::option::of(text())),
        pairs(),
        vec(word(), 0..3),
        pairs(),
        vec((word(), proptest::option::of(text())), 0..3),
        proptest::option::of(word()),
    );
    let scripts = vec((word(), proptest::option::of(text())), 0..2);
    let beside = (scripts, pairs(), pairs());
    (front, back, beside).prop_map(|(front, back, (scripts, links, linked))| {
        let (version, allowed, name, description, command, proposals) = front;
        let (doc, inputs, outputs, needs, env, recipe) = back;
        Parts {
            version,
            allowed,
            name,
            description,
            command,
            proposals,
            doc,
            inputs,
            outputs,
            needs,
            env,
            recipe,
            scripts,
            links,
            linked,
        }
    })
}

/// Nobody reads what a command is called.
fn meant(parts: Parts) -> Parts {
    match parts.command {
        Some(_) => Parts { name: String::new(), description: String::new(), ..parts },
        None => parts,
    }
}

fn ingredients() -> impl Strategy<Value = Ingredients> {
    let agent = (text(), word(), vec(word(), 0..3), any::<bool>());
    let (agent, judge) = (proptest::option::of(agent), proptest::option::of(text()));
    let all = (text(), agent, judge, proptest::option::of(word()), text());
    all.prop_map(|(template, agent, judge, model, test)| Ingredients {
        template,
        agent,
        judge,
        model,
        test,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn keys_are_equal_exactly_where_everything_is(one in parts(), other in parts()) {
        let (one, other) = (meant(one), meant(other));
        prop_assert_eq!(key_of(&one) == key_of(&other), one == other);
        prop_assert_eq!(key_of(&one), key_of(&one.clone()));
    }

    #[test]
    fn one_changed_part_is_another_key(base in parts(), other in parts(), which in 0usize..14) {
        let mut changed = base.clone();
        match which {
            0 => changed.allowed = other.allowed,
            1 => changed.version = other.version,
            2 => changed.name = other.name,
            3 => changed.description = other.description,
            4 => changed.command = other.command,
            5 => changed.doc = other.doc,
            6 => changed.inputs = other.inputs,
            7 => changed.outputs = other.outputs,
            8 => changed.needs = other.needs,
            9 => changed.env = other.env,
            10 => (changed.proposals, changed.recipe) = (other.proposals, other.recipe),
            11 => changed.scripts = other.scripts,
            12 => (changed.links, changed.linked) = (other.links, other.linked),
            _ => changed.env.push(("NEW".to_owned(), None)),
        }
        let (base, changed) = (meant(base), meant(changed));
        prop_assert_eq!(key_of(&base) == key_of(&changed), base == changed);
    }

    #[test]
    fn recipes_are_equal_exactly_where_everything_is(
        one in ingredients(),
        other in ingredients(),
        which in 0usize..5,
    ) {
        prop_assert_eq!(recipe_of(&one) == recipe_of(&other), one == other);
        let mut changed = one.clone();
        match which {
            0 => changed.template = other.template,
            1 => changed.agent = other.agent,
            2 => changed.judge = other.judge,
            3 => changed.model = other.model,
            _ => changed.test = other.test,
        }
        prop_assert_eq!(recipe_of(&one) == recipe_of(&changed), one == changed);
    }

    #[test]
    fn how_a_text_is_written_is_no_part_of_the_key(parts in parts(), blank in "[ \n]{0,3}") {
        let written = |text: &str| format!("{blank}{}{blank}\n", text.replace('\n', "\r\n"));
        let description = format!("{}\nand more", parts.description.trim());
        let one = Parts { description: description.clone(), ..parts.clone() };
        let name = written(&parts.name);
        let other = Parts { name, description: written(&description), ..parts };
        prop_assert_eq!(key_of(&one), key_of(&other));
    }
}

#[test]
fn a_manifest_tells_its_recipe_apart() {
    let mut recorded = Recorded::default();
    let (agent, config) = (agent_of("be\nbrief", "coder", &[], false), Config::default());
    let agent = Some(&agent);
    let making = Making { template: "Do it", agent, judge: agent, model: None, config: &config };
    making.describe(&mut recorded);
    assert!(recorded.sections.iter().all(|it| is_of_recipe(&it.name)));
    let long = "word ".repeat(200);
    Making { template: &long, ..making }.describe(&mut recorded);
    assert!(recorded.values().any(|(_, _, value)| value == long), "whole, to be compared");
    assert!(!["rule", "task", "inputs", "recipe"].into_iter().any(is_of_recipe));
}
