//! A session that says very much: orch's own memory stays small.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::Stdio;

use crate::support::{ORCH, Space};

/// Bytes of stream-json that the stand-in prints.
const STREAM: u64 = 200 << 20;
/// What orch may hold of its own at any time, KiB. Pages of the program's file do not count: those of
/// a debug build alone are 40 MiB, and the kernel takes them back where it needs them.
const MEMORY: u64 = 32 << 10;

/// Tool calls with answers of 4 KiB each, then the status file and a result.
const CLI: &str = r#"
say() { printf '%s\n' "$1"; }
say '{"type":"system","subtype":"init","session_id":"s","model":"m"}'
pad=$(printf '%04000d' 0)
awk -v pad="$pad" -v bytes="$STREAM" 'BEGIN {
    for (n = 0; done < bytes; n++) {
        call = "{\"type\":\"assistant\",\"session_id\":\"s\",\"message\":{\"id\":\"msg_" n "\",\"model\":\"m\",\"content\":[{\"type\":\"tool_use\",\"id\":\"toolu_" n "\",\"name\":\"Bash\",\"input\":{\"command\":\"step " n "\"}}],\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}"
        answer = "{\"type\":\"user\",\"session_id\":\"s\",\"message\":{\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_" n "\",\"content\":\"" pad "\"}]}}"
        print call; print answer; done += length(call) + length(answer) + 2
    }
}'
mkdir -p .orch/task; echo x > big.txt
echo '{"task_id":"1","status":"completed","message":"said"}' > .orch/task/status.json
say '{"type":"result","subtype":"success","is_error":false,"result":"said","session_id":"s","total_cost_usd":0.5}'
"#;

#[test]
#[ignore = "half a minute; tests/long.sh runs it"]
fn a_stream_of_200_mb_needs_less_than_32_mb_of_memory() {
    let plan = "meta: { name: Big }\nsections:\n- { id: s, name: S, tasks: [{ id: '1', name: One, description: one }] }\n";
    let space = Space::new(&[
        ("orch.yaml", "session: { claude: [sh, cli.sh], env: [STREAM] }\n"),
        ("plans/big.yaml", plan),
        ("cli.sh", CLI),
    ]);
    let space = space.env("STREAM", &STREAM.to_string());
    let mut build = space.bare(ORCH);
    build.args(["build"]).current_dir(space.root()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut build = build.spawn().unwrap();
    let status = format!("/proc/{}/status", build.id());
    let mut most = 0;
    let ended = loop {
        // The kernel keeps no high-water mark of these: many looks find it.
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok());
        most = most.max(kib.unwrap_or(0));
        if let Some(ended) = build.try_wait().unwrap() {
            break ended;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    };
    assert!(ended.success(), "{ended}");
    eprintln!("{} MiB of stream, at most {} MiB of memory", STREAM >> 20, most >> 10);
    let log = space.orch(&["log", "big//1"]).exits(0);
    assert!(log.stdout.len() > 1 << 20, "{}", log.stdout.len());
    assert!(most > 0 && most < MEMORY, "{most} KiB");
}
