//! `orch completions`: completions for a shell.

use clap::CommandFactory;

use crate::ui::args::{Args, CompletionsArgs};
use crate::ui::exit::Exit;
use crate::ui::shell::{Ran, Shell};

pub fn run(args: &CompletionsArgs, shell: &mut Shell) -> Ran {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "orch", &mut script);
    shell.bytes(&script)?;
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::console::sample::Buffer;

    #[test]
    fn every_shell_gets_a_script_that_knows_the_commands() {
        use clap::ValueEnum;
        for shell in clap_complete::Shell::value_variants() {
            let out = Buffer::default();
            let mut streams = Shell::of_writers(out.clone(), std::io::sink());
            let ran = run(&CompletionsArgs { shell: *shell }, &mut streams);
            assert_eq!(streams.conclude(ran), Exit::Success);
            assert!(out.text().contains("status"), "{shell}");
        }
    }
}
