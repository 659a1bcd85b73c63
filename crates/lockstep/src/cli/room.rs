//! How much memory a search may take where nothing says so.

use std::path::Path;

/// Bytes for a search where nothing says how many are free.
const ROOM: u64 = 8 << 30;

/// Three quarters of the memory that is free: a search gives up with a word before the system ends it.
pub(super) fn room() -> u64 {
    free(&|path| std::fs::read_to_string(path).ok()).map_or(ROOM, |free| free / 4 * 3)
}

/// Bytes that are free: of the system, and of every control group that this process is in, of which containers are
/// made. Source: Linux, `Documentation/admin-guide/cgroup-v2.rst` and `cgroup-v1/memory.rst`.
fn free(read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
    let number = |path: &Path| read(path)?.trim().parse::<u64>().ok();
    let info = read(Path::new("/proc/meminfo"));
    let system = info.as_deref().and_then(available);
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let left = groups.lines().filter_map(group).flat_map(|(root, path, most, now)| {
        let at = Path::new(root).join(path.trim_start_matches('/'));
        let above = at.ancestors().take_while(|at| at.starts_with(root)).map(Path::to_owned);
        // In a container the root is the group itself, whatever it is called outside.
        let all: Vec<_> = above.chain([Path::new(root).to_owned()]).collect();
        all.into_iter().filter_map(move |at| {
            let most = number(&at.join(most))?;
            Some(most.saturating_sub(number(&at.join(now)).unwrap_or(0)))
        })
    });
    left.chain(system).min()
}

/// `MemAvailable:   123 kB`, in bytes.
fn available(info: &str) -> Option<u64> {
    let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Of a line of `/proc/self/cgroup` that is about memory: where groups are, which one it is, and the files with the limit
/// and what is used of it.
fn group(line: &str) -> Option<(&'static str, &str, &'static str, &'static str)> {
    let mut parts = line.splitn(3, ':');
    let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    if number == "0" && controllers.is_empty() {
        return Some(("/sys/fs/cgroup", path, "memory.max", "memory.current"));
    }
    let memory = controllers.split(',').any(|c| c == "memory");
    let (root, most, now) =
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes");
    memory.then_some((root, path, most, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "MemTotal: 2000 kB\nMemAvailable:    1000 kB\n";

    fn free_with(files: &[(&str, &str)]) -> Option<u64> {
        let find = |path: &Path| files.iter().find(|(name, _)| Path::new(name) == path);
        free(&|path| find(path).map(|(_, text)| (*text).to_owned()))
    }

    #[test]
    fn the_tightest_of_system_and_groups_counts() {
        let info = ("/proc/meminfo", INFO);
        assert_eq!(free_with(&[info]), Some(1_024_000));
        let own = ("/proc/self/cgroup", "0::/a/b\n");
        let of_a = [
            ("/sys/fs/cgroup/a/memory.max", "5000\n"),
            ("/sys/fs/cgroup/a/memory.current", "1000\n"),
        ];
        assert_eq!(free_with(&[info, own, of_a[0], of_a[1]]), Some(4000), "a group above");
        let of_b = ("/sys/fs/cgroup/a/b/memory.max", "3000\n");
        assert_eq!(free_with(&[info, own, of_a[0], of_a[1], of_b]), Some(3000), "its own");
        let no_limit = ("/sys/fs/cgroup/a/b/memory.max", "max\n");
        assert_eq!(free_with(&[info, own, no_limit]), Some(1_024_000), "no limit");
        let inside = ("/sys/fs/cgroup/memory.max", "7000\n");
        assert_eq!(free_with(&[info, own, inside]), Some(7000), "the root of a container");
    }

    #[test]
    fn groups_of_the_first_version_count_too() {
        let own = ("/proc/self/cgroup", "5:cpu:/x\n4:memory,hugetlb:/docker/c\n0::/\n");
        let root = "/sys/fs/cgroup/memory";
        let limit = format!("{root}/docker/c/memory.limit_in_bytes");
        let used = format!("{root}/docker/c/memory.usage_in_bytes");
        let files =
            [("/proc/meminfo", INFO), own, (limit.as_str(), "9000\n"), (used.as_str(), "9500\n")];
        assert_eq!(free_with(&files), Some(0), "more is used than may be");
        assert_eq!(free_with(&[own]), None);
    }
}
