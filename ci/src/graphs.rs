//! Draws who waits for whom: a picture for each graph of a test's report.

use std::fs;
use std::path::{Path, PathBuf};

use lightsout::{Report, WaitGraph};

use crate::error::Error;

/// Writes the graphs of these reports into a folder, each as an image and in the language of Graphviz; makes the folder if need be.
pub(crate) fn write(folder: &Path, reports: &[Report]) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|error| Error::create_folder(folder, &error))?;
    for report in reports {
        for (number, graph) in (1..).zip(graphs(report)) {
            let file = |extension: &str| folder.join(name(report, number, extension));
            write_file(&file("svg"), &graph.to_svg())?;
            write_file(&file("dot"), &graph.to_dot())?;
        }
    }
    Ok(())
}

/// Returns the graphs of a report; findings about tasks that have to do with one another have the same one.
fn graphs(report: &Report) -> Vec<&WaitGraph> {
    let mut graphs: Vec<&WaitGraph> = Vec::new();
    for graph in report.findings().iter().filter_map(|finding| finding.waits()) {
        if !graphs.iter().any(|known| is_same(known, graph)) {
            graphs.push(graph);
        }
    }
    graphs
}

/// Returns whether two graphs are one, whichever tasks are told of.
fn is_same(a: &WaitGraph, b: &WaitGraph) -> bool {
    let nodes = |graph: &WaitGraph| -> Vec<_> {
        graph.nodes.iter().map(|node| (node.kind, node.label.clone(), node.site.clone(), node.count)).collect()
    };
    a.edges == b.edges && nodes(a) == nodes(b)
}

/// Returns a file's name that says whose graph it is: that of the test, with what no file system has as dashes.
fn name(report: &Report, number: usize, extension: &str) -> PathBuf {
    let whole = report.package().into_iter().chain([report.test()]).collect::<Vec<_>>().join("-");
    let plain = whole.replace(|c: char| !c.is_alphanumeric() && !"-_.".contains(c), "-");
    let further = if number == 1 { String::new() } else { format!("-{number}") };
    PathBuf::from(format!("{plain}{further}.{extension}"))
}

fn write_file(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(|error| Error::write_file(path, &error))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The report of a test that left tasks, with who should have woken them.
    fn report() -> Report {
        Report::from_json(include_str!("../tests/reports/waits.json")).expect("it is a report")
    }

    #[test]
    fn graph_of_a_test_is_an_image_and_a_text_that_bear_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let report = report();
        assert!(report.findings().iter().any(|finding| finding.waits().is_some()));
        write(folder.path(), &[report]).expect("it can be written");
        let files = fs::read_dir(folder.path()).expect("it is there");
        let names: BTreeSet<_> = files.map(|file| file.expect("a file").file_name()).collect();
        let names: Vec<_> = names.iter().map(|name| name.to_string_lossy()).collect();
        assert_eq!(names, ["lightsout-orders--drain.dot", "lightsout-orders--drain.svg"]);
        let image = fs::read_to_string(folder.path().join(&*names[1])).expect("it is text");
        assert!(image.starts_with("<svg") && image.contains("tokio mpsc of u32"), "{image}");
    }
}
