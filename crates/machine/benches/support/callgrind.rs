//! Instructions of a program that runs itself under callgrind (of valgrind).

use std::process::Command;

/// Whether there is a valgrind on the PATH.
pub(crate) fn is_there() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok()
}

/// Instructions of this program with `args`, and the number that it prints.
///
/// # Errors
/// If valgrind does not count, or the program does not print a number.
pub(crate) fn count(args: &[&str]) -> Result<(u64, u64), String> {
    let me = std::env::current_exe().map_err(|e| e.to_string())?;
    // Valgrind replaces the file that it is given, even a device.
    let profile = std::env::temp_dir().join(format!("lockstep-{}.callgrind", std::process::id()));
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(me)
        .args(args)
        .output()
        .map_err(|e| e.to_string())?;
    let _ = std::fs::remove_file(&profile);
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split("Collected :").nth(1));
    let collected = collected.and_then(|n| n.trim().parse().ok());
    let units = String::from_utf8_lossy(&output.stdout).trim().parse().ok();
    collected.zip(units).ok_or_else(|| format!("valgrind gave no count:\n{text}"))
}
