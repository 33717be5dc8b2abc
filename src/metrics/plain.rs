//! The older text format of Prometheus, for those who ask for `text/plain`.

use std::fmt::Write;

/// Turns the `OpenMetrics` text into version 0.0.4 of the text format: there are no units
/// and no end mark, counters are called like their samples, and what only tells a fact is a
/// gauge.
pub(super) fn from_open_metrics(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    // The help of a family comes before its type, which decides on the name.
    let mut help = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').map_or("", |(_, help)| help);
        } else if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '))
        {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                other => ("", other),
            };
            // Writing to a `String` cannot fail.
            let _ = writeln!(plain, "# HELP {name}{suffix} {help}");
            let _ = writeln!(plain, "# TYPE {name}{suffix} {kind}");
        } else if !line.starts_with('#') {
            plain.push_str(line);
            plain.push('\n');
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_called_like_their_samples() {
        let open = "# HELP a Things done.\n# TYPE a counter\na_total{b=\"# HELP\"} 1\n\
                    # HELP t_seconds Time.\n# TYPE t_seconds histogram\n# UNIT t_seconds seconds\n\
                    t_seconds_sum 0.5\nt_seconds_count 1\nt_seconds_bucket{le=\"+Inf\"} 1\n\
                    # HELP v Version.\n# TYPE v info\nv_info{version=\"1\"} 1\n# EOF\n";
        let plain = "# HELP a_total Things done.\n# TYPE a_total counter\na_total{b=\"# HELP\"} 1\n\
                     # HELP t_seconds Time.\n# TYPE t_seconds histogram\n\
                     t_seconds_sum 0.5\nt_seconds_count 1\nt_seconds_bucket{le=\"+Inf\"} 1\n\
                     # HELP v_info Version.\n# TYPE v_info gauge\nv_info{version=\"1\"} 1\n";
        assert_eq!(from_open_metrics(open), plain);
    }
}
