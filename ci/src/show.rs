//! Shows a verdict to a person: a table, every finding, what else is wrong, one line that sums it up.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use lightsout::Report;

use crate::baseline::Updated;
use crate::error::Error;
use crate::exit::Exit;
use crate::told::{self, Standing};
use crate::verdict::{Failure, Vacuous, Verdict};
use crate::words;

const BAD: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const FAINT: Style = Style::new().dimmed();

/// Up to so many clean tests have a row each.
const CLEAN_ROWS: usize = 8;

/// Up to so many lines that a failed test printed are shown: its last ones.
const OUTPUT_LINES: usize = 100;

/// Prints a verdict on stdout; `build` is what commands need to run a test of the same build again.
pub(crate) fn verdict(verdict: &Verdict, build: &str) {
    let mut stdout = anstream::stdout();
    let color = anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
    // A reader that has gone away (`| head`) does not change the exit code.
    let _ = stdout.write_all(page(verdict, build, color).as_bytes()).and_then(|()| stdout.flush());
}

/// Prints what was asked for.
pub(crate) fn plain(text: &[u8]) -> Exit {
    let mut stdout = std::io::stdout();
    // A reader that has gone away is content with what it has.
    let _ = stdout.write_all(text).and_then(|()| stdout.flush());
    Exit::Clean
}

/// Prints what became of the baseline on stderr; nothing where it was not to be written.
pub(crate) fn updated(updated: Option<Option<Updated>>, verdict: &Verdict) {
    let text = updated.map(|updated| match updated {
        Some(updated) => words::updated(updated, verdict.ratchet.path()),
        None => words::NOT_UPDATED.to_owned(),
    });
    text.iter().for_each(|text| drop(writeln!(anstream::stderr(), "{text}")));
}

/// Prints a set-up fault on stderr.
pub(crate) fn fault(error: &Error) {
    let _ = writeln!(anstream::stderr(), "{}", told(error));
}

/// Returns everything that is printed, in parts with an empty line between them; escape codes in it are stripped later.
fn page(verdict: &Verdict, build: &str, color: bool) -> String {
    let mut parts = vec![table(&verdict.reports)];
    let (new, known): (Vec<_>, Vec<_>) =
        told::groups(verdict).into_iter().partition(|group| group.standing == Standing::New);
    parts.push(known.iter().map(|group| words::known(group) + "\n").collect());
    parts.extend(new.iter().map(|group| group.text(build, color)));
    parts.extend(verdict.failures.iter().map(failure));
    parts.extend(verdict.deaths.iter().map(|death| bad(&words::death(death))));
    parts.extend(words::unreported(&verdict.unreported).map(|text| bad(&text)));
    parts.extend(words::whole(&verdict.whole).map(|(sentence, lines)| bad(&sentence) + "\n" + &indent(lines)));
    parts.extend(verdict.faults.iter().map(told));
    parts.push(notes(verdict));
    parts.extend(verdict.blind.iter().map(|blind| bad(&words::blind(blind))));
    parts.extend(words::gone(&verdict.ratchet.gone).map(|text| bad(&text)));
    parts.extend(words::advice(verdict));
    parts.extend(words::vacuous(verdict.vacuous).map(bad));
    parts.push(sum(verdict));
    let parts: Vec<_> = parts.iter().map(|part| part.trim_end()).filter(|part| !part.is_empty()).collect();
    parts.join("\n\n") + "\n"
}

fn table(reports: &[Report]) -> String {
    let (clean, others): (Vec<_>, Vec<_>) = reports.iter().partition(|report| has_nothing_to_say(report));
    let shown = others.iter().chain(clean.iter().filter(|_| clean.len() <= CLEAN_ROWS));
    let several = reports.iter().any(|report| report.package() != reports[0].package());
    let rows: Vec<_> = shown.map(|report| row(report, several)).collect();
    let summed = if clean.len() > CLEAN_ROWS { words::clean_rows(clean.len()) } else { String::new() };
    if rows.is_empty() { summed } else { aligned(&rows) + &summed }
}

fn has_nothing_to_say(report: &Report) -> bool {
    report.is_clean()
}

/// A row of the table: test, tasks, findings, time.
pub(crate) type Row = [String; 4];

pub(crate) fn row(report: &Report, with_package: bool) -> Row {
    let test = match report.package().filter(|_| with_package) {
        Some(package) => format!("{package} {}", report.test()),
        None => report.test().to_owned(),
    };
    let tasks = match (report.coverage().tasks(), report.coverage().is_exact()) {
        (0, false) => "-".to_owned(),
        (tasks, _) => tasks.to_string(),
    };
    [test, tasks, findings(report), time(report.took())]
}

pub(crate) fn findings(report: &Report) -> String {
    if report.findings().is_empty() {
        return if has_nothing_to_say(report) { words::CLEAN } else { words::FAILED_BY_ITSELF }.to_owned();
    }
    let mut kinds = BTreeMap::new();
    for finding in report.findings() {
        *kinds.entry(finding.kind()).or_insert(0) += 1;
    }
    kinds.into_iter().map(|(kind, number)| format!("{number} {kind}")).collect::<Vec<_>>().join(", ")
}

fn time(took: Duration) -> String {
    match took.as_micros() {
        micros @ 0..1_000 => format!("{micros} µs"),
        micros @ 1_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{:.2} s", took.as_secs_f64()),
    }
}

/// Sets rows below a heading: names to the left, numbers to the right.
fn aligned(rows: &[Row]) -> String {
    let heading = words::COLUMNS.map(str::to_owned);
    let width = |column: usize| {
        let cells = rows.iter().chain([&heading]).map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let [a, b, c, d] = [0, 1, 2, 3].map(width);
    let line = |[test, tasks, findings, time]: &Row| format!("{test:<a$}  {tasks:>b$}  {findings:<c$}  {time:>d$}");
    let lines: String = rows.iter().map(|row| line(row) + "\n").collect();
    format!("{FAINT}{}{FAINT:#}\n{lines}", line(&heading))
}

fn failure(failure: &Failure) -> String {
    let lines: Vec<_> = failure.output.lines().collect();
    let left_out = lines.len().saturating_sub(OUTPUT_LINES);
    let note = if left_out > 0 { words::left_out(left_out) + "\n" } else { String::new() };
    bad(&words::failure(failure)) + "\n" + &indent(&(note + &lines[left_out..].join("\n")))
}

/// What the reports cannot speak about, each said once.
pub(crate) fn notes(verdict: &Verdict) -> String {
    let mut unseen = BTreeMap::new();
    for it in verdict.reports.iter().flat_map(|report| report.coverage().unseen()) {
        *unseen.entry(it).or_insert(0) += 1;
    }
    let unseen = unseen.into_iter().map(|(it, tests)| words::unseen(&it.what, &it.why, tests));
    let absent = words::absent(verdict.ratchet.absent.len());
    let undecided = words::undecided(&verdict.undecided);
    let channels = verdict.channels.iter().map(words::channels);
    let lost = (verdict.lost > 0).then(|| words::lost(verdict.lost));
    let others = verdict.others.iter().map(words::others);
    let uncovered = words::uncovered(&verdict.uncovered);
    let idle = (verdict.idle > 0).then(|| words::idle(verdict.idle));
    let is_missed = !verdict.uncovered.is_empty() || verdict.vacuous == Vacuous::NoneChecked;
    let closed = verdict.closed.filter(|_| is_missed).map(|closed| words::closed(closed).to_owned());
    let hint = (!verdict.leaks.is_empty()).then(|| words::HINT_ATTRIBUTE.to_owned());
    let own_harness = verdict.own_harness.iter().map(words::own_harness);
    channels
        .chain(unseen)
        .chain(own_harness)
        .chain(uncovered)
        .chain(others)
        .chain(idle)
        .chain(closed)
        .chain(lost)
        .chain(undecided)
        .chain(hint)
        .chain(absent)
        .collect::<Vec<_>>()
        .join("\n")
}

fn sum(verdict: &Verdict) -> String {
    let exit = verdict.exit();
    let style = if exit == Exit::Clean { GOOD } else { BAD };
    let log = verdict.log.as_deref().filter(|_| exit != Exit::Clean).map(|path| words::log(path) + "\n");
    let (log, summary, exit) = (log.unwrap_or_default(), words::summary(verdict), words::exit(verdict));
    format!("{log}{summary}\n{style}{exit}{style:#}")
}

/// An error with its hint.
fn told(error: &Error) -> String {
    let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    format!("{BAD}error{BAD:#}: {error}{hint}")
}

/// Colours the first line.
fn bad(text: &str) -> String {
    let (first, rest) =
        text.split_once('\n').map_or((text, String::new()), |(first, rest)| (first, format!("\n{rest}")));
    format!("{BAD}{first}{BAD:#}{rest}")
}

fn indent(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") }).collect()
}

#[cfg(test)]
mod tests;
