//! What a process does to files, as strace sees it.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Everything that can change a file, its name, its times or its locks; `?`: where this machine knows the call.
const CALLS: &str = "?open,openat,?openat2,?creat,?unlink,unlinkat,?rmdir,?rename,renameat,?renameat2,?link,linkat,?symlink,\
symlinkat,?mkdir,mkdirat,?mknod,mknodat,truncate,ftruncate,fallocate,?chmod,fchmod,fchmodat,?fchmodat2,?chown,fchown,fchownat,\
?lchown,?utime,?utimes,?futimesat,utimensat,setxattr,lsetxattr,fsetxattr,removexattr,lremovexattr,fremovexattr,flock,fcntl,mmap,\
write,pwrite64,writev,pwritev,?pwritev2,copy_file_range,sendfile,splice,ioctl";

/// The binary under strace, its calls written to `log`.
pub fn command(log: &Path) -> Command {
    command_of(env!("CARGO_BIN_EXE_etcd-inspect"), log)
}

/// Any program under strace.
pub fn command_of(program: &str, log: &Path) -> Command {
    let mut command = Command::new("strace");
    // -y prints the file of every descriptor.
    command.args([
        "-f",
        "-y",
        "-s",
        "4096",
        "-e",
        &format!("trace={CALLS}"),
        "-e",
        "signal=none",
        "-o",
    ]);
    command.arg(log).arg("--").arg(program);
    super::quiet(&mut command);
    command
}

/// Fails where a line of the log shows something done to the evidence. Gives how often evidence was opened.
#[track_caller]
pub fn assert_reads_only(log: &Path, evidence: &Path, verb: &[String]) -> usize {
    let evidence = evidence.canonicalize().unwrap();
    let text = fs::read(log).unwrap();
    let text = String::from_utf8_lossy(&text);
    let mut opened = 0;
    for line in text.lines() {
        if let Some(guilt) = guilt(line, &evidence) {
            panic!("{verb:?} {guilt}: {line}");
        }
        opened += usize::from(line.contains("open") && line.contains(evidence.to_str().unwrap()));
    }
    opened
}

/// What a line shows to be done to the evidence, unless it only reads it.
pub fn guilt(line: &str, evidence: &Path) -> Option<&'static str> {
    // `1234 openat(AT_FDCWD</tmp>, "/tmp/e/db", O_RDONLY) = 3</tmp/e/db>`
    let call = line
        .split_once(' ')
        .map_or(line, |(_, call)| call.trim_start());
    let (name, arguments) = call.split_once('(')?;
    let evidence = evidence.to_str().unwrap();
    let is = |names: &[&str]| names.contains(&name);
    if is(&["open", "openat", "openat2"]) {
        let inside = arguments.contains(&format!("\"{evidence}"));
        let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_TMPFILE"];
        return (inside && writes.iter().any(|flag| arguments.contains(flag)))
            .then_some("opens to write");
    }
    if is(&[
        "write",
        "pwrite64",
        "writev",
        "pwritev",
        "pwritev2",
        "ftruncate",
        "fallocate",
        "flock",
        "fcntl",
        "ioctl",
    ]) {
        let (descriptor, rest) = arguments.split_once('>')?;
        let inside = descriptor.contains(&format!("<{evidence}"));
        return match name {
            "fcntl" => {
                let locks = [
                    "F_SETLK",
                    "F_SETLKW",
                    "F_OFD_SETLK",
                    "F_SETLEASE",
                    "F_SETOWN",
                    "F_NOTIFY",
                ];
                (inside && locks.iter().any(|lock| rest.contains(lock))).then_some("locks")
            }
            "ioctl" => None,
            "flock" => inside.then_some("locks"),
            _ => inside.then_some("writes"),
        };
    }
    if name == "mmap" {
        let shared = arguments.contains("PROT_WRITE") && arguments.contains("MAP_SHARED");
        return (shared && arguments.contains(&format!("<{evidence}"))).then_some("maps to write");
    }
    // The other calls change names, modes, times or attributes of the files in their arguments, or copy between descriptors.
    arguments.contains(evidence).then_some("changes")
}
