//! The guard: what sessions, commands and validators cannot change of the machine.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::Command;

use orch::host::session::guard::probe;
use orch::host::shim::namespace::{self, Namespace};
use orch::spec::sandbox::Way;
use strum::IntoEnumIterator;

use crate::left_out;
use crate::support::{ORCH, Space};

/// Runs it in a thread with namespaces of its own; `None`, and said so, where only another user may have
/// them in a thread.
fn in_namespaces<T: Send + 'static>(
    wanted: &'static [Namespace],
    run: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let thread = std::thread::spawn(|| namespace::enter(wanted).map(|()| run()));
    match thread.join().unwrap() {
        Ok(value) => Some(value),
        Err(why) => {
            left_out::note(&format!("right to namespaces ({why})"));
            None
        }
    }
}

#[test]
fn what_is_mounted_in_a_namespace_is_mounted_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let [from, to] = ["from", "to"].map(|name| folder.path().join(name));
    for it in [&from, &to] {
        fs::create_dir(it).unwrap();
    }
    fs::write(from.join("file"), "").unwrap();
    let place = to.clone();
    let seen = in_namespaces(&[Namespace::Mounts], move || {
        rustix::mount::mount_bind(&from, &place).unwrap();
        place.join("file").exists()
    });
    assert!(seen.is_none_or(|seen| seen));
    assert!(!to.join("file").exists());
}

#[test]
fn the_next_child_is_the_first_process_of_its_namespace() {
    let said = in_namespaces(&[Namespace::Mounts, Namespace::Processes], || {
        Command::new("sh").args(["-c", "echo $$"]).output().unwrap().stdout
    });
    assert!(said.is_none_or(|said| said == b"1\n"));
}

/// True where a guard can be kept by this way; else it is said that its tests are left out.
fn has(way: Way) -> bool {
    let probed = probe(way, ORCH.as_ref());
    if let Err(why) = &probed {
        left_out::note(&format!("guard: {why}"));
    }
    probed.is_ok()
}

fn name_of(way: Way) -> &'static str {
    way.into()
}

/// A repository with a plan whose sessions, commands and validators run `line`; `settings` are added to its own.
fn space_of(settings: &str, line: &str) -> Space {
    let settings =
        format!("session: {{ scripted: sessions.yaml }}\nlimits: {{ wait: never }}\n{settings}");
    let plan = "meta: { name: Guarded }\nsections:\n- id: s\n  name: All\n  tasks:\n  - id: '1'\n    name: Session\n    \
         description: Make out.txt.\n    agent: coder\n    max_attempts: 1\n    outputs: [out.txt]\n    \
         validators: [{ name: look, run: 'sh run.sh' }]\n  - id: '2'\n    name: Command\n    \
         run: sh run.sh\n    no_change: allowed\n";
    Space::new(&[
        ("orch.yaml", &settings),
        ("plans/guarded.yaml", plan),
        ("sessions.yaml", "'1':\n- run: 'sh run.sh; echo made > out.txt'\n"),
        ("run.sh", &format!("root=../../..\n{line}\ntrue\n")),
        (".gitignore", "/cache\n/given\n/log\n"),
        ("rule.txt", "first\n"),
    ])
}

/// Writes to each place, and says in `$HOME/written` where that could be done.
const WRITE_ALL: &str =
    "for place in $places; do (echo x >> $place) 2>/dev/null && echo $place >> $HOME/written; done";

fn written(space: &Space) -> String {
    fs::read_to_string(space.home().join("written")).unwrap_or_default()
}

#[test]
fn nothing_of_a_build_changes_the_checkout_its_git_or_what_is_orchs_and_the_rest_goes_on() {
    let check = |sandbox: &str| {
        let setup = "worktree: { setup: 'sh run.sh' }\n";
        let places = "places=\"$root/rule.txt $root/new.txt $root/.git/config $root/.git/refs/heads/evil \
             $root/.orch/journal-v1 $root/.orch/lock $root/.orch/worktrees/new $root/.orch/inbox/1.json \
             $HOME/cache in.txt .git/mine $TMPDIR/scratch /dev/null\"";
        let space = space_of(
            &format!("{sandbox}{setup}"),
            &format!("TMPDIR=${{TMPDIR:-.}}\n{places}\n{WRITE_ALL}\nrm -f in.txt scratch"),
        );
        space.orch(&["build"]).exits(0);
        let written = written(&space);
        assert_eq!(written.matches("/cache").count(), 5, "set-up lines as well: {written}");
        assert!(
            written.contains("in.txt")
                && written.contains(".git/mine")
                && written.contains("/dev/null"),
            "{written}"
        );
        assert!(written.contains("/tmp/scratch"), "{written}");
        assert!(!written.contains("../../../"), "{sandbox}: {written}");
        assert_eq!(space.read("rule.txt"), "first\n");
        assert_eq!(space.read("out.txt"), "made\n");
        assert_eq!(space.git(&["status", "--porcelain", "--untracked-files=no"]), "");
    };
    for way in Way::iter().filter(|way| has(*way)) {
        check(&format!("sandbox: {{ kind: guard, by: {} }}\n", name_of(way)));
    }
    if has(Way::Namespace) || has(Way::Landlock) {
        check("");
        check("sandbox: guard\n");
    }
}

#[test]
fn without_a_guard_a_session_reaches_the_checkout() {
    let space = space_of("sandbox: none\n", &format!("places=$root/log\n{WRITE_ALL}"));
    space.orch(&["build"]).exits(0);
    assert_eq!(written(&space), "../../../log\n".repeat(3));
}

#[test]
fn a_linked_folder_is_written_where_that_is_said_and_so_is_what_a_rule_opens() {
    for way in Way::iter().filter(|way| has(*way)) {
        let line = format!(
            "places='given/x cache/x'\n{WRITE_ALL}\nplaces=\"$root/log/x $root/rule.txt\"\n{WRITE_ALL}"
        );
        let space = space_of("", &line);
        let log = space.root().join("log");
        for folder in ["given", "cache", "log"] {
            fs::create_dir(space.root().join(folder)).unwrap();
        }
        let by = name_of(way);
        let settings = format!(
            "session: {{ scripted: sessions.yaml }}\nworktree: {{ link: [given, {{ path: cache, write: true }}] }}\n\
             sandbox: {{ kind: guard, by: {by}, write: ['{}'] }}\n",
            log.display()
        );
        space.write("orch.yaml", &settings);
        space.commit("settings");
        space.orch(&["build"]).exits(0);
        assert_eq!(written(&space), "cache/x\n../../../log/x\n".repeat(3), "{by}");
        assert_eq!(space.read("cache/x"), "x\n".repeat(3));
    }
}

#[test]
fn a_command_that_the_guard_lets_fail_is_told_what_opens_a_place() {
    for way in Way::iter().filter(|way| has(*way)) {
        let settings = format!(
            "worktree: {{ link: [given] }}\nsandbox: {{ kind: guard, by: {} }}\n",
            name_of(way)
        );
        let space = space_of(&settings, "test -e out.txt || exit 0; echo x > given/x || exit 1");
        fs::create_dir(space.root().join("given")).unwrap();
        let printed = ["guarded//1: what failed says `run.sh: ", "given/x", "worktree.link"];
        space.orch(&["build"]).exits(1).complains(&printed);
    }
}

#[test]
fn a_linked_checkout_guards_the_main_one_and_the_folder_of_git_that_they_share() {
    for way in Way::iter().filter(|way| has(*way)) {
        let sandbox = format!("sandbox: {{ kind: guard, by: {} }}\n", name_of(way));
        let line = format!(
            "main=$root/../main\nplaces=\"$root/rule.txt $main/rule.txt $main/.git/config $main/.git/worktrees/linked/HEAD \
             $main/.orch/lock $HOME/cache\"\n{WRITE_ALL}"
        );
        let space = space_of(&sandbox, &line);
        let main = space.root().with_file_name("main");
        std::os::unix::fs::symlink(space.root(), &main).unwrap();
        fs::create_dir(space.root().join(".orch")).unwrap();
        let linked = space.root().with_file_name("linked");
        space.git(&["worktree", "add", "-q", linked.to_str().unwrap()]);
        space.orch_in(&linked, &["build"]).exits(0);
        let cache = format!("{}\n", space.home().join("cache").display());
        assert_eq!(written(&space), cache.repeat(3));
    }
}

/// Whoever may make namespaces may mount in them: what he got closed stays closed.
#[test]
fn a_family_does_not_open_again_what_is_closed() {
    let line = "ways() { mount -o remount,rw,bind $root; umount -l $root; mount --bind / /mnt; echo x > $root/new; \
         echo x > /mnt$(cd $root && pwd)/new; }\n\
         (ways; export root; unshare -rm sh -c \"$(command -v ways)\"; unshare -rm sh -c 'mount -o remount,rw,bind $root; \
         umount -l $root; mount --rbind / /mnt; echo x > $root/new; echo x > /mnt$(cd $root && pwd)/new'; \
         nsenter -t $PPID -m sh -c 'echo x > $root/new'; p=$$; while test $p -gt 0; do \
         echo x > /proc/$p/root$(cd $root && pwd)/new; p=$(ps -o ppid= -p $p || echo 0); done) 2>/dev/null\necho tried >> $HOME/written";
    for way in Way::iter().filter(|way| has(*way)) {
        let space = space_of(&format!("sandbox: {{ kind: guard, by: {} }}\n", name_of(way)), line);
        space.orch(&["build"]).exits(0);
        assert_eq!(written(&space), "tried\n".repeat(3));
        assert!(!space.exists("new"), "{}", name_of(way));
    }
}

/// Who could move a folder on the way would leave a checkout of his own where the user's was.
#[test]
fn no_folder_above_the_checkout_is_moved_away() {
    let line = "r=$(cd $root && pwd); p=$(dirname $r); for it in $r $p; do \
         mv $it $it.old 2>/dev/null && echo $it >> $HOME/written; done; echo tried >> $HOME/written";
    for way in Way::iter().filter(|way| has(*way)) {
        let space = space_of(&format!("sandbox: {{ kind: guard, by: {} }}\n", name_of(way)), line);
        space.orch(&["build"]).exits(0);
        assert_eq!(written(&space), "tried\n".repeat(3), "{}", name_of(way));
    }
}

/// Root is guarded in another way than anybody else.
#[test]
fn an_ordinary_user_is_guarded_too() {
    if !rustix::process::geteuid().is_root() {
        // The tests above were run by one.
        return;
    }
    for way in Way::iter().filter(|way| has(*way)) {
        let sandbox = format!("sandbox: {{ kind: guard, by: {} }}\n", name_of(way));
        let places =
            "places=\"$root/rule.txt $root/.git/config $root/.orch/lock $HOME/cache in.txt\"";
        let nested = "unshare -rm sh -c 'mount -o remount,rw,bind ../../..; umount -l ../../..; echo x > ../../../new' 2>/dev/null";
        let space = space_of(&sandbox, &format!("{places}\n{WRITE_ALL}\nrm -f in.txt\n{nested}"));
        let above = space.root().parent().unwrap().to_owned();
        let program = above.join("orch");
        fs::copy(ORCH, &program).unwrap();
        let owner = Command::new("chown").args(["-R", "65534:65534"]).arg(&above).status().unwrap();
        assert!(owner.success());
        let mut command = space.bare("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&program);
        let output = command.arg("build").current_dir(space.root()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("cannot be kept") {
            left_out::note(&format!("guard by {} for an ordinary user ({said})", name_of(way)));
            continue;
        }
        assert!(output.status.success(), "{said}");
        let cache = format!("{}\n", space.home().join("cache").display());
        assert_eq!(written(&space), format!("{cache}in.txt\n").repeat(3));
        assert!(!space.exists("new"));
    }
}

/// Where somebody asks for what is not there, nothing runs without it.
#[test]
fn a_guard_that_is_asked_for_and_not_there_is_refused() {
    let root_without = ["--bounding-set", "-sys_admin"];
    let space = space_of("sandbox: { kind: guard, by: namespace }\n", "echo ran >> $HOME/written");
    let run = |words: &[&str]| {
        let mut command = space.bare("setpriv");
        command.args(root_without).arg(ORCH).args(words).current_dir(space.root());
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    };
    if !rustix::process::geteuid().is_root() {
        left_out::note("root, who can be without the right to namespaces");
        return;
    }
    let (code, said) = run(&["build"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(
            "the guard that is asked for cannot be kept: no mount namespace (root may not"
        ),
        "{said}"
    );
    assert_eq!(written(&space), "");
    let (code, said) = run(&["doctor"]);
    assert!(code == Some(1) && said.contains("BAD   guard"), "{said}");
    if has(Way::Landlock) {
        space.replace("orch.yaml", "sandbox: { kind: guard, by: namespace }\n", "");
        space.commit("any way");
        let (_, said) = run(&["doctor"]);
        assert!(said.contains("warn  guard       by Landlock"), "{said}");
        assert_eq!(run(&["build"]).0, Some(0));
        assert_eq!(written(&space), "ran\n".repeat(3));
    }
}

#[test]
fn doctor_says_what_keeps_sessions_from_the_checkout() {
    let space = space_of("", "");
    if has(Way::Namespace) {
        space.orch(&["doctor"]).says(&["ok    guard       by a mount namespace: your checkout"]);
    }
    space.write("orch.yaml", "sandbox: none\n");
    space
        .orch(&["doctor"])
        .says(&["ok    guard       not asked for: `sandbox` of the settings says `none`"]);
}
