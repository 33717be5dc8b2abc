//! How everything is told: lines for people, JSON for programs, and the exit code.

use std::fmt::Write;

use axon_worker::config::{Inspection, Origin, Resolved};
use serde_json::{Value, json};

use super::finding::{Finding, Verdict};
use crate::terminal::{Style, Tone, on_one_line};

/// The longest value that is shown in a line, in characters. JSON has all of it.
const LONGEST_VALUE: usize = 100;

/// Everything that is to be told.
#[derive(Debug)]
pub(super) struct Report {
    settings: Vec<Resolved>,
    warnings: Vec<String>,
    /// Where, and what is wrong there.
    problems: Vec<(String, String)>,
    /// How many tasks have a program, if the file is one for `axon-worker run`.
    programs: Option<usize>,
    /// The variables that they do not get by default.
    withheld: Vec<String>,
    /// `None`: nothing was reached for.
    checks: Option<Vec<Finding>>,
}

impl Report {
    pub(super) fn of(inspection: &Inspection) -> Self {
        let problems = match &inspection.settings {
            Ok(_) => Vec::new(),
            Err(error) => error
                .problems()
                .iter()
                .map(|problem| (problem.place().to_owned(), problem.to_string()))
                .collect(),
        };
        Self {
            settings: inspection.resolved.clone(),
            warnings: inspection.warnings.clone(),
            problems,
            programs: None,
            withheld: Vec::new(),
            checks: None,
        }
    }

    /// The tasks that have their programs, what is wrong with others, and the variables that
    /// are kept from them.
    pub(super) fn programs(&mut self, ready: usize, missing: Vec<String>, withheld: Vec<String>) {
        let place = "tasks".to_owned();
        let missing = missing.into_iter().map(|text| (place.clone(), text));
        self.problems.extend(missing);
        self.programs = Some(ready).filter(|count| *count > 0);
        self.withheld = withheld;
    }

    /// What was found; `hide` takes secrets out of texts from outside. Our own words stay as
    /// they are, whatever somebody has chosen for a secret.
    pub(super) fn checked(&mut self, found: Vec<Finding>, hide: impl Fn(&str) -> String) {
        let hidden = found.into_iter().map(|finding| Finding {
            text: format!("{}{}", finding.text, hide(&finding.told)),
            told: String::new(),
            ..finding
        });
        self.checks = Some(hidden.collect());
    }

    /// 0: all is well; 1: something failed; 2: the settings are wrong.
    pub(super) fn exit_code(&self) -> u8 {
        if self.problems.is_empty() {
            u8::from(self.count(Verdict::Fail) > 0)
        } else {
            2
        }
    }

    fn count(&self, verdict: Verdict) -> usize {
        let checks = self.checks.iter().flatten();
        checks.filter(|it| it.verdict == verdict).count()
    }

    pub(super) fn to_json(&self) -> String {
        let settings: Vec<Value> = self.settings.iter().map(setting).collect();
        let problems: Vec<Value> = self
            .problems
            .iter()
            .map(|(place, text)| json!({ "place": place, "text": text }))
            .collect();
        let outcome = match self.exit_code() {
            0 => "ok",
            1 => "fail",
            _ => "wrong",
        };
        let report = json!({
            "outcome": outcome,
            "settings": settings,
            "warnings": self.warnings,
            "problems": problems,
            "programs": self.programs,
            "withheld_variables": self.withheld,
            "checks": self.checks,
        });
        format!("{report:#}\n")
    }

    pub(super) fn to_text(&self, style: Style) -> String {
        let mut out = String::new();
        self.write(&mut out, style)
            .expect("a string takes everything");
        out
    }

    fn write(&self, out: &mut String, style: Style) -> std::fmt::Result {
        self.write_settings(out, style)?;
        if let Some(count) = self.programs {
            let head = style.paint(Tone::Head, "Programs");
            writeln!(out, "\n{head}\n  {count} of the tasks of `axon-worker run`")?;
            if !self.withheld.is_empty() {
                let names = on_one_line(&self.withheld.join(", "));
                writeln!(out, "  kept from them, unless named in inherit: {names}")?;
            }
        }
        for (i, warning) in self.warnings.iter().enumerate() {
            if i == 0 {
                writeln!(out, "\n{}", style.paint(Tone::Head, "Warnings"))?;
            }
            let word = style.paint(Tone::Odd, "warn");
            writeln!(out, "  {word}  {}", on_one_line(warning))?;
        }
        for (i, (_, problem)) in self.problems.iter().enumerate() {
            if i == 0 {
                writeln!(out, "\n{}", style.paint(Tone::Head, "Problems"))?;
            }
            let word = style.paint(Tone::Bad, "wrong");
            writeln!(out, "  {word} {}", on_one_line(problem))?;
        }
        if let Some(checks) = &self.checks {
            write_checks(out, style, checks)?;
        }
        writeln!(out, "\n{}", self.last_line(style))
    }

    fn write_settings(&self, out: &mut String, style: Style) -> std::fmt::Result {
        writeln!(out, "{}", style.paint(Tone::Head, "Settings"))?;
        let names = self.settings.iter().map(|it| it.variable.len());
        let width = names.max().unwrap_or_default();
        for setting in &self.settings {
            let value = shortened(&on_one_line(&setting.value));
            let origin = on_one_line(&setting.origin.to_string());
            let line = format!("  {:width$}  {value}", setting.variable);
            match setting.origin {
                Origin::Default => writeln!(out, "{}", style.paint(Tone::Faint, &line))?,
                _ => writeln!(
                    out,
                    "{line}  {}",
                    style.paint(Tone::Faint, &format!("[{origin}]"))
                )?,
            }
        }
        Ok(())
    }

    fn last_line(&self, style: Style) -> String {
        match (&self.checks, self.exit_code()) {
            (_, 2) => {
                let count = self.problems.len();
                let text = format!("the settings are wrong: {count} to mend");
                style.paint(Tone::Bad, &text)
            }
            (None, _) => style.paint(Tone::Good, "the settings are fine; nothing was reached for"),
            (Some(_), code) => {
                let (ok, warn, fail) = (
                    self.count(Verdict::Ok),
                    self.count(Verdict::Warn),
                    self.count(Verdict::Fail),
                );
                let tone = if code == 0 { Tone::Good } else { Tone::Bad };
                style.paint(tone, &format!("{ok} ok, {warn} warn, {fail} fail"))
            }
        }
    }
}

fn write_checks(out: &mut String, style: Style, checks: &[Finding]) -> std::fmt::Result {
    let widest = checks.iter().map(|it| it.check.len()).max();
    let width = widest.unwrap_or_default();
    let mut subject = "";
    for check in checks {
        if check.subject != subject {
            subject = &check.subject;
            writeln!(out, "\n{}", style.paint(Tone::Head, &on_one_line(subject)))?;
        }
        let word = match check.verdict {
            Verdict::Ok => style.paint(Tone::Good, "ok  "),
            Verdict::Warn => style.paint(Tone::Odd, "warn"),
            Verdict::Fail => style.paint(Tone::Bad, "fail"),
        };
        let took = style.paint(Tone::Faint, &format!("{} ms", check.took_ms));
        let text = on_one_line(&check.text);
        writeln!(out, "  {word}  {:width$}  {text}  {took}", check.check)?;
        if let Some(hint) = &check.hint {
            writeln!(out, "        {:width$}  -> {}", "", on_one_line(hint))?;
        }
    }
    Ok(())
}

fn setting(resolved: &Resolved) -> Value {
    let (kind, name) = match &resolved.origin {
        Origin::File(path) => ("file", Some(path)),
        Origin::Variable(name) => ("environment", Some(name)),
        Origin::Program => ("program", None),
        _ => ("default", None),
    };
    json!({
        "variable": resolved.variable,
        "key": resolved.key,
        "value": resolved.value,
        "origin": { "kind": kind, "name": name },
    })
}

fn shortened(value: &str) -> String {
    match value.char_indices().nth(LONGEST_VALUE) {
        None => value.to_owned(),
        Some((end, _)) => format!("{}...", &value[..end]),
    }
}

#[cfg(test)]
mod tests {
    use axon_worker::config::Settings;

    use super::*;

    fn report(vars: &[(&str, &str)]) -> Report {
        let vars = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Report::of(&Settings::inspect_vars(vars))
    }

    fn finding(verdict: Verdict) -> Finding {
        Finding {
            subject: "port 1".to_owned(),
            check: "free",
            verdict,
            text: "so it is with a t0ken:".to_owned(),
            told: "\nt0ken".to_owned(),
            hint: Some("do".to_owned()),
            took_ms: 7,
        }
    }

    #[test]
    fn exit_codes_say_what_kind_of_trouble_it_is() {
        let mut good = report(&[("WORKER_TOKEN", "t0ken")]);
        assert_eq!(good.exit_code(), 0);
        assert!(
            good.to_text(Style::plain())
                .contains("nothing was reached for")
        );
        good.checked(vec![finding(Verdict::Warn)], str::to_owned);
        assert_eq!(good.exit_code(), 0);
        good.checked(vec![finding(Verdict::Fail)], str::to_owned);
        assert_eq!(good.exit_code(), 1);
        assert_eq!(report(&[("WORKER_PORT", "x")]).exit_code(), 2);
    }

    #[test]
    fn lines_stay_lines_and_secrets_stay_out() {
        let mut report = report(&[("WORKER_TOKEN", "t0ken"), ("WORKER_TYPE", "a\u{1b}b")]);
        report.checked(vec![finding(Verdict::Ok)], |text| {
            text.replace("t0ken", "*")
        });
        let text = report.to_text(Style::plain());
        let line = "  ok    free  so it is with a t0ken:\\n*  7 ms\n";
        assert!(text.contains(line), "our words stay, theirs do not: {text}");
        assert!(text.contains("-> do\n"), "{text}");
        assert!(
            text.contains("a\\u{1b}b  [environment WORKER_TYPE]"),
            "{text}"
        );
        assert!(text.ends_with("1 ok, 0 warn, 0 fail\n"), "{text}");
        assert_eq!(report.to_json().matches("t0ken").count(), 1);
    }

    #[test]
    fn variables_that_programs_do_not_get_are_told() {
        let mut report = report(&[("WORKER_TOKEN", "t0ken")]);
        report.programs(
            2,
            Vec::new(),
            vec!["GITHUB_PAT".to_owned(), "X\n".to_owned()],
        );
        let text = report.to_text(Style::plain());
        let line = "  kept from them, unless named in inherit: GITHUB_PAT, X\\n\n";
        assert!(text.contains(line), "{text}");
        let told: Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(told["withheld_variables"][0], "GITHUB_PAT");
    }

    #[test]
    fn a_program_reads_the_same() {
        let told: Value = serde_json::from_str(&report(&[("WORKER_PORT", "x")]).to_json()).unwrap();
        assert_eq!(told["outcome"], "wrong");
        assert_eq!(told["problems"][0]["place"], "WORKER_PORT");
        assert_eq!(told["checks"], Value::Null);
        let settings = told["settings"].as_array().unwrap();
        let port = settings.iter().find(|it| it["variable"] == "WORKER_PORT");
        let port = port.unwrap();
        assert_eq!(
            port["origin"],
            json!({"kind": "environment", "name": "WORKER_PORT"})
        );
        assert_eq!(port["value"], "(wrong, see the problems)");
    }
}
