#!/usr/bin/env python3
"""Records the streams of this folder anew: the real CLI against a scripted stand-in for the model API.

    python3 tests/corpus/record.py --claude PROGRAM --server SERVER.py [NAME...]

SERVER.py answers the Messages API on loopback as a scenario says; it takes --port, --port-file,
--scenario and --log. `streams/NAME.json` says what is played, and what is expected; what the CLI
wrote goes to `streams/NAME.jsonl`, its exit code and stderr into the case. Whatever differs from
run to run, or tells of the machine, is made the same in all of them, and long lists of the CLI's
own features are emptied. Expectations are a person's to write: read them again afterwards.
"""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent / "streams"
AT = "2026-11-30T12:00:00.000Z"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
MADE_ID = re.compile(r"\b(msg|toolu|req|call)_[0-9A-Za-z_]+")
SHORT_ID = re.compile(r'"(?:task_id|agentId|agent_id|backgroundTaskId|run_id)": ?"([0-9a-z-]+)"')
# Lists of what the CLI can do: nothing reads them, and they are long.
LISTS = ["slash_commands", "terminal_slash_commands", "skills", "plugins", "capabilities", "agents"]
DROPPED = {"memory_paths", "messaging_socket_path", "subagent_stats", "server_tool_use", "cache_creation",
           "output_tokens_details", "originalFile", "structuredPatch", "inference_geo", "iterations",
           "fast_mode_state", "fast_mode_disabled_reason", "fallback_credit", "signature",
           "contextWindow", "maxOutputTokens", "thinkingTokens", "cacheCreationEphemeral5mInputTokens", "costBasis",
           "cacheCreationEphemeral1hInputTokens", "canonicalModel", "provider", "webSearchRequests", "ttft_ms",
           "ttft_stream_ms", "time_to_request_ms", "first_content_frame_ms", "analytics_disabled", "diagnostics",
           "product_feedback_disabled", "served_by_anthropic", "per_turn_effort_active", "ultrathink_available",
           "ultrathink_typed_raises", "view_mode", "stop_details", "container", "context_management", "safety_stops"}


def environment(case, home, url):
    env = {"HOME": home, "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "Europe/Berlin",
           "TMPDIR": home + "/tmp", "ANTHROPIC_BASE_URL": url, "CLAUDE_CODE_MAX_RETRIES": "2",
           "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
           "DISABLE_TELEMETRY": "1", "DISABLE_AUTOUPDATER": "1", "DISABLE_ERROR_REPORTING": "1"}
    name = "CLAUDE_CODE_OAUTH_TOKEN" if case.get("subscription") else "ANTHROPIC_API_KEY"
    env[name] = "sk-ant-made-up-000"
    env.update(case.get("env", {}))
    return env


def play(case, args, place):
    """One run of the CLI, ended as the case says; its output, exit code and stderr."""
    plain = ["-p", "--output-format", "stream-json", "--verbose", "--permission-mode", "dontAsk"]
    command = [args.claude, *plain, *case.get("args", ["--allowedTools", "Edit(./**)", "Write(./**)", "Bash"])]
    out = open(place.home + "/out", "w+b")
    process = subprocess.Popen(command, cwd=place.root, env=environment(case, place.home, place.url),
                               stdin=subprocess.PIPE, stdout=out, stderr=subprocess.PIPE, start_new_session=True)
    process.stdin.write(case.get("prompt", "Do the task.").encode())
    process.stdin.close()
    if "end" in case:
        until = time.time() + 60
        while process.poll() is None and time.time() < until:
            if Path(place.home + "/out").read_text().count(case["end"]["after"]) >= case["end"].get("times", 1):
                time.sleep(case["end"].get("wait", 0))
                process.send_signal(getattr(signal, case["end"]["signal"]))
                break
            time.sleep(0.02)
    stderr = process.stderr.read().decode()
    code = process.wait(300)
    return Path(place.home + "/out").read_text(), code, stderr


class Place:
    def __init__(self, folder, url):
        self.root, self.home, self.url = folder + "/project", folder + "/home", url
        os.makedirs(self.root)
        os.makedirs(self.home + "/tmp")


def same(value, key=""):
    """The value without what differs from run to run."""
    if isinstance(value, dict):
        return {name: same(inner, name) for name, inner in value.items() if name not in DROPPED}
    if isinstance(value, list):
        return [] if key in LISTS else [same(inner) for inner in value]
    if isinstance(value, (int, float)) and re.search(r"(duration|ttft|_ms$|_time$|time_to|Ms$|content_frame)", key):
        return 100
    if isinstance(value, str) and key == "timestamp":
        return AT
    return value


class Names:
    """Numbers for ids, in the order in which they turn up."""

    def __init__(self):
        self.known = {}

    def plain(self, text, place):
        for path, shown in [(place.root, "/home/user/project"), (place.home + "/tmp", "/tmp"), (place.home, "/home/user")]:
            text = text.replace(path, shown).replace(path.replace("/", "-"), shown.replace("/", "-"))
        text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8080", text)
        text = re.sub(r"/tmp/claude-\d+", "/tmp/claude-1000", text)
        text = re.sub(r"(duration_ms: )\d+", r"\g<1>100", text)
        text = UUID.sub(lambda found: self.of(found[0], "00000000-0000-4000-8000-{:012}"), text)
        text = MADE_ID.sub(lambda found: self.of(found[0], found[1] + "_{:02}"), text)
        for name in SHORT_ID.findall(text):
            self.of(name, "t{:02}")
        for name, shown in self.known.items():
            text = text.replace(name, shown)
        return text

    def of(self, name, form):
        return self.known.setdefault(name, form.format(len(self.known) + 1))


def record(name, args):
    file = HERE / f"{name}.json"
    case = json.loads(file.read_text())
    if "rules" not in case and "args" not in case:
        return
    with tempfile.TemporaryDirectory() as folder:
        for part, text in [("scenario", json.dumps({"rules": [
                {"name": "side call", "tools": False, "turns": [{"text": "{}"}]}, *case.get("rules", [])]})), ("log", "")]:
            Path(folder, part).write_text(text)
        server = subprocess.Popen([sys.executable, args.server, "--port", "0", "--port-file", folder + "/port",
                                   "--scenario", folder + "/scenario", "--log", folder + "/log"],
                                  stdout=subprocess.DEVNULL)
        try:
            while not (Path(folder, "port").exists() and Path(folder, "port").read_text().strip()):
                time.sleep(0.02)
            place = Place(folder, "http://127.0.0.1:" + Path(folder, "port").read_text().strip())
            if case.get("nobody_listens"):
                place.url = "http://127.0.0.1:9"
            names = Names()
            if "first" in case:
                before = {**case, **case["first"]}
                names.plain(play(before, args, place)[0], place)
            text, case["exit"], stderr = play(case, args, place)
        finally:
            server.kill()
            server.wait()
    lines = []
    for line in text.splitlines():
        try:
            line = json.dumps(same(json.loads(line)), ensure_ascii=False, separators=(",", ":"))
        except ValueError:
            pass
        lines.append(names.plain(line, place))
    case["stderr"] = names.plain(stderr, place)
    ending = "" if text and not text.endswith("\n") else "\n"
    (HERE / f"{name}.jsonl").write_text("\n".join(lines) + ending if lines else "")
    file.write_text(json.dumps(case, indent=1, ensure_ascii=False) + "\n")
    print(name, case["exit"], len(lines), "lines", sum(map(len, lines)), "bytes", case["stderr"][:200], flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--claude", required=True)
    parser.add_argument("--server", required=True)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    for name in args.names or sorted(path.stem for path in HERE.glob("*.json")):
        record(name, args)


if __name__ == "__main__":
    main()
