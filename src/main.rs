//! The `orch` program: everything happens in the library.

fn main() -> std::process::ExitCode {
    orch::ui::main()
}
