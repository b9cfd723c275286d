//! Dependencies that nobody can wait for, in words.

use crate::engine::graph::Breach;
use crate::spec::plan::Dependency;

pub fn broken_text(dependency: &Dependency, breach: Breach) -> String {
    let plan = dependency.plan().map(ToString::to_string).unwrap_or_default();
    match breach {
        Breach::NoPlan => format!("it needs {dependency}, and no plan is called {plan}"),
        Breach::SeveralPlans => {
            format!("it needs {dependency}, and several plans are called {plan}")
        }
        Breach::NoTask => format!("it needs {dependency}, and the plan has no such task"),
        Breach::Circle => format!("it needs {dependency}, which needs it in turn"),
    }
}
