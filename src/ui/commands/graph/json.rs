//! The graph for programs: nodes and edges.

use serde::Serialize;

use crate::base::measure::Billing;
use crate::base::name::TaskRef;
use crate::engine::picture::{Picture, TaskPicture, TaskState};
use crate::ui::render::why::why_text;

#[derive(Serialize)]
struct Graph<'a> {
    nodes: Vec<Node<'a>>,
    edges: Vec<Edge>,
}

#[derive(Serialize)]
struct Node<'a> {
    id: String,
    plan: &'a str,
    task: &'a str,
    name: &'a str,
    section: &'a str,
    rule: &'a str,
    agent: Option<&'a str>,
    #[serde(flatten)]
    state: TaskState,
    reason: String,
}

/// `to` needs `from`.
#[derive(Serialize)]
struct Edge {
    from: String,
    to: String,
}

/// One object: `{"nodes":[...],"edges":[{"from","to"}]}`.
pub fn graph_of(picture: &Picture) -> String {
    let edges = picture.tasks.iter().flat_map(|task| {
        let edge = |needed: &TaskRef| Edge { from: needed.to_string(), to: task.task.to_string() };
        task.depends_on.iter().map(edge)
    });
    let nodes = picture.tasks.iter().map(|task| node_of(task, picture.billing)).collect();
    crate::ui::json::line_of(&Graph { nodes, edges: edges.collect() })
}

fn node_of(task: &TaskPicture, billing: Billing) -> Node<'_> {
    Node {
        id: task.task.to_string(),
        plan: task.task.plan.as_str(),
        task: task.task.task.as_str(),
        name: &task.name,
        section: &task.section,
        rule: task.rule.as_str(),
        agent: task.agent.as_deref(),
        state: task.state,
        reason: why_text(&task.reason, billing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::console::sample;

    #[test]
    fn nodes_and_edges_are_listed() {
        let graph: serde_json::Value = serde_json::from_str(&graph_of(&sample::picture())).unwrap();
        assert_eq!(graph["nodes"].as_array().unwrap().len(), 7);
        let failed = &graph["nodes"][3];
        assert_eq!((&failed["state"], &failed["detail"]), (&"failed".into(), &"no-status".into()));
        let edges: Vec<String> = graph["edges"]
            .as_array()
            .unwrap()
            .iter()
            .map(|edge| format!("{} {}", edge["from"], edge["to"]).replace('"', ""))
            .collect();
        assert_eq!(edges.len(), 5);
        assert_eq!(edges[0], "demo//1.1 demo//1.2");
    }
}
