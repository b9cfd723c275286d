//! `orch __scripted`: plays a script in place of the session CLI, speaking its protocol.

mod answer;
mod report;

use self::answer::{Answer, ApiFailure};
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::script::{DenyStep, FailStep, FileStep, Script, StatusStep, Step, duration_of};
use super::tab::{self, Tab};
use crate::engine::outcome::OutcomeClass;

/// `--script FILE` and the CLI's own flags: plays the attempt that the environment names
/// (`ORCH_TASK`, `ORCH_ATTEMPT_NUMBER`, `ORCH_VALIDATOR`) in the working folder.
pub fn play(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<String> = arguments.map(|it| it.to_string_lossy().into_owned()).collect();
    if arguments.iter().any(|argument| argument == "--version") {
        println!("{} (orch scripted)", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    match play_attempt(&arguments) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("orch scripted: {why}");
            ExitCode::FAILURE
        }
    }
}

fn play_attempt(arguments: &[String]) -> Result<ExitCode, String> {
    let value_of = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(at + 1).cloned()
    };
    let path = value_of("--script").ok_or("no --script")?;
    let script = Script::read(Path::new(&path)).map_err(|error| match error.path {
        Some(path) => format!("{} ({})", error.doing, path.display()),
        None => error.doing,
    })?;
    let variable = |name: &str| std::env::var(name).ok();
    let task = variable("ORCH_TASK").ok_or("ORCH_TASK is not set")?;
    let validator = variable("ORCH_VALIDATOR");
    let number = variable("ORCH_ATTEMPT_NUMBER").and_then(|text| text.parse().ok()).unwrap_or(1);
    let steps = script.steps(&task, validator.as_deref(), number);
    let steps = steps.ok_or_else(|| format!("the script knows no `{task}`"))?;
    let mut prompt = String::new();
    std::io::stdin().read_to_string(&mut prompt).map_err(|error| error.to_string())?;
    let resumed = value_of("--resume");
    let session = value_of("--session-id").or(resumed.clone());
    let mut player = Player {
        task,
        session: session.unwrap_or_else(|| super::new_session_id().to_string()),
        model: value_of("--model").unwrap_or_else(|| "scripted".to_owned()),
        prompt,
        wants_status: validator.is_none(),
        tab: Tab::open(resumed.as_deref(), value_of("--max-budget-usd").as_deref()),
        has_schema: value_of("--json-schema").is_some(),
        ..Player::default()
    };
    player.begin();
    for step in steps {
        if let Some(code) = player.play(step)? {
            return Ok(code);
        }
    }
    player.end()
}

#[derive(Default)]
struct Player {
    task: String,
    session: String,
    model: String,
    prompt: String,
    /// `--json-schema` was given, and what was answered to it.
    has_schema: bool,
    answer: Option<Value>,
    wants_status: bool,
    tab: Tab,
    n_calls: u64,
    denials: Vec<Value>,
    last_said: String,
    /// Keeps the handler that swallows SIGTERM.
    deaf: Option<tokio::runtime::Runtime>,
}

type Played = Result<Option<ExitCode>, String>;

impl Player {
    fn begin(&self) {
        self.emit(json!({"type": "system", "subtype": "init", "model": self.model, "tools": [],
            "cwd": std::env::current_dir().ok(), "permissionMode": "dontAsk",
            "apiKeySource": std::env::var("ORCH_SCRIPTED_ACCOUNT").ok(),
            "claude_code_version": concat!(env!("CARGO_PKG_VERSION"), "-scripted")}));
    }

    fn play(&mut self, step: &Step) -> Played {
        match step {
            Step::Say(text) => self.say(text),
            Step::Read(path) => {
                let content = fs::read_to_string(path);
                self.use_tool(
                    "Read",
                    json!({"file_path": absolute(path)}),
                    Answer::of(content.is_ok()),
                );
            }
            Step::Write(file) => self.write(file)?,
            Step::Append(file) => {
                let before = fs::read_to_string(&file.path).unwrap_or_default();
                let content = before + &file.content;
                self.write(&FileStep { path: file.path.clone(), content })?;
            }
            Step::Edit(edit) => {
                let before =
                    fs::read_to_string(&edit.path).map_err(|it| failed(&edit.path, &it))?;
                if !before.contains(&edit.old) {
                    return Err(format!("{}: the text to edit is not there", edit.path));
                }
                put(&edit.path, &before.replacen(&edit.old, &edit.new, 1))?;
                let input = json!({"file_path": absolute(&edit.path), "old_string": edit.old,
                    "new_string": edit.new});
                self.use_tool("Edit", input, Answer::Given);
            }
            Step::Delete(path) => {
                fs::remove_file(path).map_err(|error| failed(path, &error))?;
                self.use_tool("Bash", json!({"command": format!("rm {path}")}), Answer::Given);
            }
            Step::Run(line) => self.run(line)?,
            Step::Sleep(span) => {
                std::thread::sleep(duration_of(span).ok_or(format!("`{span}` is no span"))?);
            }
            Step::Cost(dollars) => {
                if self.tab.add(*dollars) {
                    return Ok(Some(self.error("error_max_budget_usd", "budget_exhausted")));
                }
            }
            Step::Model(name) => self.model.clone_from(name),
            Step::Deny(deny) => self.deny(deny),
            Step::Status(status) => self.status(status)?,
            Step::Ask(ask) => self.ask(ask)?,
            Step::Verdict(verdict) => self.verdict(verdict),
            Step::Structured(answer) => self.structured(answer)?,
            Step::SavePrompt(path) => put(path, &self.prompt)?,
            Step::Noise(text) => println!("{text}"),
            Step::Limit(limit) => return Ok(Some(self.limit(limit.resets_at))),
            Step::Fail(fail) => return self.fail(fail),
            Step::Hang => hang(),
            Step::IgnoreTerm => self.ignore_term()?,
            Step::Cut => return Ok(Some(cut())),
        }
        Ok(None)
    }

    /// A good end: the status file where none was asked for, and a success result.
    fn end(mut self) -> Result<ExitCode, String> {
        if self.wants_status {
            self.status(&StatusStep::Word("completed".to_owned()))?;
        }
        let text = self.last_said.clone();
        let mut result = json!({"subtype": "success", "is_error": false, "result": text,
            "terminal_reason": "completed", "stop_reason": "end_turn"});
        if let Some(answer) = self.answer.take() {
            result["result"] = json!(answer.to_string());
            result["structured_output"] = answer;
        }
        self.result(result);
        Ok(ExitCode::SUCCESS)
    }

    fn emit(&self, mut event: Value) {
        event["session_id"] = json!(self.session);
        println!("{event}");
        let _ = std::io::stdout().flush();
    }

    fn message(&mut self, block: Value) {
        self.n_calls += 1;
        tab::log(&self.session, json!({"call": self.n_calls}));
        let id = format!("msg_{}_{}", std::process::id(), self.n_calls);
        let usage = json!({"input_tokens": 100, "output_tokens": 10});
        self.emit(json!({"type": "assistant", "parent_tool_use_id": null, "message": {"id": id,
            "role": "assistant", "model": self.model, "content": [block], "usage": usage}}));
    }

    fn say(&mut self, text: &str) {
        self.last_said = text.to_owned();
        self.message(json!({"type": "text", "text": text}));
    }

    fn use_tool(&mut self, tool: &str, input: Value, answer: Answer) -> String {
        let id = format!("toolu_{}", self.n_calls + 1);
        self.message(json!({"type": "tool_use", "id": id, "name": tool, "input": input}));
        let content = json!([{"type": "tool_result", "tool_use_id": id, "content": "",
            "is_error": answer == Answer::Error}]);
        self.emit(json!({"type": "user", "message": {"role": "user", "content": content}}));
        id
    }

    fn write(&mut self, file: &FileStep) -> Result<(), String> {
        put(&file.path, &file.content)?;
        let input = json!({"file_path": absolute(&file.path), "content": file.content});
        self.use_tool("Write", input, Answer::Given);
        Ok(())
    }

    fn run(&mut self, line: &str) -> Result<(), String> {
        let output = std::process::Command::new("sh").args(["-c", line]).output();
        let output = output.map_err(|error| failed("sh", &error))?;
        self.use_tool("Bash", json!({"command": line}), Answer::of(output.status.success()));
        Ok(())
    }

    fn deny(&mut self, deny: &DenyStep) {
        let (tool, path) = match deny {
            DenyStep::Tool(tool) => (tool, ".orch-denied"),
            DenyStep::Call { tool, path } => (tool, path.as_str()),
        };
        let key = if tool == "Bash" { "command" } else { "file_path" };
        let input = json!({key: path});
        let id = self.use_tool(tool, input.clone(), Answer::Error);
        let denial = json!({"tool_name": tool, "tool_use_id": id, "tool_input": input});
        self.emit(json!({"type": "system", "subtype": "permission_denied", "tool_name": tool,
            "tool_use_id": id}));
        self.denials.push(denial);
    }

    fn structured(&mut self, answer: &Value) -> Result<(), String> {
        if !self.has_schema {
            return Err("`structured` without --json-schema".to_owned());
        }
        self.wants_status = false;
        self.use_tool("StructuredOutput", answer.clone(), Answer::Given);
        self.answer = Some(answer.clone());
        Ok(())
    }

    fn result(&self, mut result: Value) {
        result["type"] = json!("result");
        result["num_turns"] = json!(self.n_calls);
        result["permission_denials"] = json!(self.denials);
        self.tab.close(&self.session, &self.model, self.n_calls, &mut result);
        self.emit(result);
    }

    fn limit(&self, resets_at: Option<u64>) -> ExitCode {
        let window = resets_at.map(|_| "five_hour");
        self.emit(json!({"type": "rate_limit_event", "rate_limit_info": {"status": "rejected",
            "resetsAt": resets_at, "rateLimitType": window}}));
        self.api_error(ApiFailure {
            error: "rate_limit",
            status: Some(429),
            kind: "rate_limit_error",
            text: "You've hit your limit",
        })
    }

    fn api_error(&self, failure: ApiFailure) -> ExitCode {
        let ApiFailure { error, status, kind, text } = failure;
        let block = json!({"type": "text", "text": text});
        self.emit(json!({"type": "assistant", "error": error, "is_api_error_message": true,
            "api_error_status": status, "api_error_type": kind, "parent_tool_use_id": null,
            "message": {"id": "synthetic", "model": "<synthetic>", "content": [block]}}));
        self.result(json!({"subtype": "success", "is_error": true, "result": text,
            "api_error_status": status, "terminal_reason": "api_error"}));
        ExitCode::FAILURE
    }

    fn error(&self, subtype: &str, reason: &str) -> ExitCode {
        self.result(json!({"subtype": subtype, "is_error": true, "terminal_reason": reason,
            "errors": [format!("played {reason}")]}));
        ExitCode::FAILURE
    }

    fn fail(&self, fail: &FailStep) -> Played {
        let Some(name) = &fail.class else {
            return Ok(Some(ExitCode::from(fail.exit.unwrap_or(1))));
        };
        let class: OutcomeClass = serde_json::from_value(json!(name))
            .map_err(|_| format!("`{name}` is no outcome class"))?;
        Ok(Some(self.fail_as(class).ok_or_else(|| format!("`{name}` cannot be played by fail"))?))
    }

    fn fail_as(&self, class: OutcomeClass) -> Option<ExitCode> {
        use OutcomeClass as C;
        let api = |error, status, kind, text| {
            Some(self.api_error(ApiFailure { error, status, kind, text }))
        };
        match class {
            C::PlanLimit => Some(self.limit(Some(4_102_444_800))),
            C::Throttled => Some(self.limit(None)),
            C::Overloaded => {
                api("server_error", Some(529), "overloaded_error", "API Error: 529 Overloaded.")
            }
            C::ServerError => {
                api("server_error", Some(500), "api_error", "API Error: 500 Internal server error")
            }
            C::Network => api("server_error", None, "", "API Error: Connection refused"),
            C::Auth => {
                api("authentication_failed", Some(401), "authentication_error", "Invalid API key")
            }
            C::Billing => api(
                "billing_error",
                Some(400),
                "invalid_request_error",
                "Credit balance is too low",
            ),
            C::ContextOverflow => {
                api("invalid_request", Some(400), "invalid_request_error", "Prompt is too long")
            }
            C::Refused => {
                api("invalid_request", None, "", "API Error: safeguards flagged this message")
            }
            C::TurnCap => Some(self.error("error_max_turns", "max_turns")),
            C::BudgetCap => Some(self.error("error_max_budget_usd", "budget_exhausted")),
            C::SchemaMiss => {
                Some(self.error(
                    "error_max_structured_output_retries",
                    "structured_output_retry_exhausted",
                ))
            }
            C::Aborted => {
                self.error("error_during_execution", "aborted_streaming");
                Some(ExitCode::SUCCESS)
            }
            C::LaunchRefused => api(
                "model_not_found",
                Some(404),
                "not_found_error",
                "There's an issue with the selected model (played). It may not exist",
            ),
            C::LaunchFailure => {
                eprintln!("played launch failure");
                Some(ExitCode::FAILURE)
            }
            C::Killed => {
                let own = rustix::process::getpid();
                let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
                hang()
            }
            C::Stalled | C::TimedOut => hang(),
            C::Unknown => Some(self.error("error_during_execution", "played")),
            _ => None,
        }
    }

    fn ignore_term(&mut self) -> Result<(), String> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_io().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let guard = runtime.enter();
        // The handler stays installed for the life of the process.
        let term = tokio::signal::unix::SignalKind::terminate();
        drop(tokio::signal::unix::signal(term).map_err(|error| error.to_string())?);
        drop(guard);
        self.deaf = Some(runtime);
        Ok(())
    }
}

fn hang() -> ! {
    loop {
        std::thread::park();
    }
}

fn cut() -> ExitCode {
    print!("{{\"type\":\"assistant\",\"message\":{{\"id\":\"msg_cut\",\"content\":[{{\"ty");
    let _ = std::io::stdout().flush();
    ExitCode::SUCCESS
}

fn put(path: &str, content: &str) -> Result<(), String> {
    let path = Path::new(path);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)
            .map_err(|error| failed(&folder.display().to_string(), &error))?;
    }
    fs::write(path, content).map_err(|error| failed(&path.display().to_string(), &error))
}

/// The CLI names files by absolute paths.
fn absolute(path: &str) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.into())
}

fn failed(what: &str, error: &std::io::Error) -> String {
    format!("{what}: {error}")
}
