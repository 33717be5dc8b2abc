//! Memory in bytes, as `/proc` tells it, in a few microseconds and without any crate.

use super::cgroup;

/// What this process has in use: its resident set.
pub(crate) fn process_resident() -> Option<u64> {
    kibibytes("/proc/self/status", "VmRSS:")
}

/// What the machine could still give to this process: in a container, and in a service with
/// a limit, no more than that leaves.
pub(crate) fn machine_available() -> Option<u64> {
    let of_machine = kibibytes("/proc/meminfo", "MemAvailable:");
    let of_groups = cgroup::limited().into_iter().map(cgroup::Group::available);
    of_machine.into_iter().chain(of_groups).min()
}

fn kibibytes(file: &str, field: &str) -> Option<u64> {
    in_bytes(&std::fs::read_to_string(file).ok()?, field)
}

/// The value of a line such as `VmRSS:   12345 kB`.
fn in_bytes(text: &str, field: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(field))?;
    let number = value.trim().strip_suffix("kB")?.trim();
    number.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_proc_are_read() {
        let text = "Name:\taxon\nVmHWM:\t    9999 kB\nVmRSS:\t    1234 kB\n";
        assert_eq!(in_bytes(text, "VmRSS:"), Some(1234 * 1024));
        assert_eq!(in_bytes(text, "VmSwap:"), None);
        assert_eq!(in_bytes("VmRSS: many kB", "VmRSS:"), None);
        assert_eq!(in_bytes("VmRSS: 12", "VmRSS:"), None);
    }
}
