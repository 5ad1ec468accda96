//! The pictures of who waits for whom: which files there are, and that other programs can read them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use dot_parser::ast::{Graph, Stmt};
use serde_json::Value;

use crate::project::{Project, clean, test_with};

/// The report of a test that left tasks, with who should have woken them; told of this test.
fn waiting(name: &str) -> Value {
    let text = include_str!("../reports/waits.json").replace("orders::drain", name);
    let mut report: Value = serde_json::from_str(&text).expect("JSON");
    report["package"] = "shop".into();
    report["case"] = name.into();
    report["enforced"] = "by-attribute".into();
    report.as_object_mut().expect("an object").remove("binary");
    report
}

/// Returns the names of the files in a folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(folder).expect("the gate makes the folder");
    files.map(|file| file.expect("a file").file_name().into_string().expect("UTF-8")).collect()
}

/// Claims that a folder has each picture in both forms, that both can be read, and that they show the same things; returns their names.
pub(crate) fn drawn(folder: &Path) -> BTreeSet<String> {
    let names = names(folder);
    let of = |extension: &str| -> BTreeSet<String> {
        names.iter().filter_map(|name| name.strip_suffix(extension).map(str::to_owned)).collect()
    };
    let (images, texts) = (of(".svg"), of(".dot"));
    assert_eq!((images.len() + texts.len(), &images), (names.len(), &texts), "{names:?}");
    for name in &images {
        let read = |extension: &str| fs::read_to_string(folder.join(format!("{name}.{extension}"))).expect("text");
        let (image, text) = (read("svg"), read("dot"));
        let words = words(&image);
        let (nodes, edges) = counted(&text);
        assert!(nodes > 0 && edges < 1_000, "{name}: {nodes} nodes, {edges} edges");
        let tasks = words.iter().filter(|word| word.starts_with("task") || word.contains(" x task")).count();
        assert!(tasks > 0 && words.len() >= nodes, "{name}: {words:?}");
    }
    images
}

/// Returns the words in an image, which must be XML.
fn words(svg: &str) -> Vec<String> {
    let image = roxmltree::Document::parse(svg).unwrap_or_else(|error| panic!("{error}\n{svg}"));
    assert!(image.root_element().has_tag_name(("http://www.w3.org/2000/svg", "svg")), "{svg}");
    image.descendants().filter(|node| node.is_text()).filter_map(|node| node.text()).map(str::to_owned).collect()
}

/// Returns how many nodes and edges are in a text, which must be in the language of Graphviz.
fn counted(dot: &str) -> (usize, usize) {
    let graph = Graph::try_from(dot).unwrap_or_else(|error| panic!("{error:?}\n{dot}"));
    let count = |is_it: fn(&Stmt<_>) -> bool| graph.stmts.stmts.iter().filter(|statement| is_it(statement)).count();
    (count(|it| matches!(it, Stmt::NodeStmt(_))), count(|it| matches!(it, Stmt::EdgeStmt(_))))
}

#[test]
fn gate_draws_the_graphs_of_a_suite() {
    let leaking = |name: &str| test_with(name, &waiting(name).to_string(), "panic!(\"2 findings\")");
    let project = Project::new(&[leaking("drains"), leaking("pours"), clean("stops")]);
    project.gate("--graph pictures/of-this-run").check(100, &["drains", "pours"]);
    let folder = project.path().join("pictures/of-this-run");
    assert_eq!(drawn(&folder), ["shop-drains", "shop-pours"].map(str::to_owned).into());
    let text = fs::read_to_string(folder.join("shop-drains.dot")).expect("text");
    let report = lightsout::Report::from_json(&waiting("drains").to_string()).expect("a report");
    let graph = report.findings().iter().find_map(|finding| finding.waits()).expect("it has a graph");
    assert_eq!(counted(&text), (graph.nodes.len(), graph.edges.len()));
}

#[test]
fn suite_that_leaves_nothing_has_no_graphs() {
    let project = Project::new(&[clean("stops")]);
    project.gate("--graph pictures").check(0, &[]);
    assert_eq!(names(&project.path().join("pictures")).len(), 0);
}
