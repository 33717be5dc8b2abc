//! What the control groups of Linux leave this process of the machine's memory. A container
//! is such a group; outside of containers services are.

use std::fs;
use std::path::{Path, PathBuf};

/// Memory of a group, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    /// The most that it may have in use.
    pub(super) limit: u64,
    /// What it has in use and cannot give back at once: files that the system keeps in
    /// memory do not count.
    pub(super) used: u64,
}

impl Group {
    pub(super) fn available(self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

/// Names of files, in version 2 and version 1 of the interface.
struct Names {
    limit: &'static str,
    used: &'static str,
    /// The line of `memory.stat` with files that are not used at the moment.
    inactive: &'static str,
}

const V2: Names = Names {
    limit: "memory.max",
    used: "memory.current",
    inactive: "inactive_file",
};
const V1: Names = Names {
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    inactive: "total_inactive_file",
};

/// The groups with a limit that this process belongs to: its own, and those round it.
pub(super) fn limited() -> Vec<Group> {
    limited_below(Path::new("/"))
}

/// The same on a machine whose files are below `root`.
fn limited_below(root: &Path) -> Vec<Group> {
    let memberships = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let mount = root.join("sys/fs/cgroup");
    let mut groups = Vec::new();
    for line in memberships.lines() {
        // Such as `0::/system.slice/a.service` or `4:memory:/docker/0123`.
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (names, mount) = match controllers {
            "" => (&V2, mount.clone()),
            some if some.split(',').any(|it| it == "memory") => (&V1, mount.join("memory")),
            _ => continue,
        };
        groups.extend(
            upwards(&mount, path)
                .iter()
                .filter_map(|at| read(at, names)),
        );
    }
    groups
}

/// The folder of a group, and those of the groups round it. In a container the path may be
/// that of the host, which is not there; its own group then is the uppermost.
fn upwards(mount: &Path, path: &str) -> Vec<PathBuf> {
    let path = Path::new(path.trim_start_matches('/'));
    let is_inside = |at: &&Path| !at.components().any(|part| part.as_os_str() == "..");
    path.ancestors()
        .filter(is_inside)
        .map(|at| mount.join(at))
        .collect()
}

fn read(folder: &Path, names: &Names) -> Option<Group> {
    let number = |name: &str| {
        let text = fs::read_to_string(folder.join(name)).ok()?;
        // `max` is no limit.
        text.trim().parse::<u64>().ok()
    };
    let limit = number(names.limit)?;
    let used = number(names.used)?;
    let stat = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
    let inactive = stat.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        (name == names.inactive).then(|| value.trim().parse::<u64>().ok())?
    });
    Some(Group {
        limit,
        used: used.saturating_sub(inactive.unwrap_or(0)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// A machine with these files.
    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn a_container_of_version_2_has_its_limit_at_the_top() {
        let root = machine(&[
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "536870912\n"),
            ("sys/fs/cgroup/memory.current", "209715200\n"),
            (
                "sys/fs/cgroup/memory.stat",
                "anon 1\ninactive_file 104857600\n",
            ),
        ]);
        let groups = limited_below(root.path());
        let (limit, used) = (512 * MIB, 100 * MIB);
        assert_eq!(groups, [Group { limit, used }]);
        assert_eq!(groups[0].available(), 412 * MIB);
    }

    #[test]
    fn groups_round_a_service_count_and_those_without_a_limit_do_not() {
        let root = machine(&[
            ("proc/self/cgroup", "0::/work.slice/a.service\n"),
            ("sys/fs/cgroup/work.slice/a.service/memory.max", "max\n"),
            ("sys/fs/cgroup/work.slice/a.service/memory.current", "1\n"),
            ("sys/fs/cgroup/work.slice/memory.max", "1000\n"),
            ("sys/fs/cgroup/work.slice/memory.current", "2000\n"),
        ]);
        let groups = limited_below(root.path());
        assert_eq!(groups.len(), 1);
        assert_eq!((groups[0].limit, groups[0].available()), (1000, 0));
    }

    #[test]
    fn a_container_of_version_1_is_found_although_its_path_is_that_of_the_host() {
        let root = machine(&[
            (
                "proc/self/cgroup",
                "5:cpu:/docker/0123\n4:hugetlb,memory:/docker/0123\n",
            ),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "104857600\n"),
            (
                "sys/fs/cgroup/memory/memory.stat",
                "total_inactive_file 0\n",
            ),
        ]);
        let (limit, used) = (512 * MIB, 100 * MIB);
        assert_eq!(limited_below(root.path()), [Group { limit, used }]);
    }

    #[test]
    fn a_machine_without_groups_and_a_path_that_leads_elsewhere_have_none() {
        assert_eq!(limited_below(machine(&[]).path()), []);
        let root = machine(&[
            ("proc/self/cgroup", "0::/../other\nnonsense\n"),
            ("sys/fs/other/memory.max", "1\n"),
            ("sys/fs/other/memory.current", "1\n"),
        ]);
        assert_eq!(limited_below(root.path()), []);
    }
}
