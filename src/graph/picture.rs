//! The wait graph as a picture: DOT, SVG, and text for a terminal. Kinds are told apart by shape and by word, never by colour alone.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::data::{EdgeKind, Expected, NodeKind, Outlook, WaitEdge, WaitGraph, WaitNode};

/// Larger graphs are folded by the place of their tasks.
const LARGE: usize = 50;
/// How many edges a text still shows.
const TEXT: usize = 12;

impl WaitGraph {
    /// Returns the graph in the language of Graphviz.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let graph = self.readable();
        let mut text = String::from("digraph waits {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
        for (at, node) in graph.nodes.iter().enumerate() {
            let label = lines(node).join("\\n").replace('"', "\\\"");
            let _ = writeln!(text, "  n{at} [shape={}, label=\"{label}\"];", dot_shape(node.kind));
        }
        for edge in &graph.edges {
            let style = if edge.kind == EdgeKind::Holds { "dashed" } else { "solid" };
            let _ = writeln!(text, "  n{} -> n{} [style={style}, label=\"{}\"];", edge.from, edge.to, edge_label(edge));
        }
        text.push_str("}\n");
        text
    }

    /// Returns the graph as an image.
    #[must_use]
    pub fn to_svg(&self) -> String {
        svg(&self.readable())
    }

    /// Returns the graph as text for a terminal, if it is small: one line an edge, who acts first.
    #[must_use]
    pub fn to_text(&self) -> Option<String> {
        let graph = self.readable();
        if graph.edges.is_empty() || graph.edges.len() > TEXT {
            return None;
        }
        let name = |at: usize| format!("[{}] {}", at + 1, graph.nodes[at]);
        let width = graph.edges.iter().map(|edge| name(edge.from).chars().count()).max()?;
        let line = |edge: &WaitEdge| {
            let arrow = if edge.kind == EdgeKind::Holds { "- -" } else { "---" };
            format!("{:<width$} {arrow} {:^13} {arrow}> {}", name(edge.from), edge_label(edge), name(edge.to))
        };
        Some(graph.edges.iter().map(line).collect::<Vec<_>>().join("\n"))
    }

    /// Folds a large graph.
    pub(crate) fn readable(&self) -> Self {
        if self.nodes.len() > LARGE { self.folded() } else { self.clone() }
    }

    /// Folds what is of one kind, name and place into one node, with counts.
    #[must_use]
    pub fn folded(&self) -> Self {
        let mut places = BTreeMap::new();
        let mut folded = Self::default();
        let mut new = Vec::new();
        for node in &self.nodes {
            let outlook = node.outlook.as_ref().map(Outlook::name);
            let at = *places.entry((node.kind, node.label.clone(), node.site.clone(), outlook)).or_insert_with(|| {
                folded.nodes.push(WaitNode { count: 0, ..node.clone() });
                folded.nodes.len() - 1
            });
            folded.nodes[at].count += node.count;
            new.push(at);
        }
        for node in &mut folded.nodes {
            if let Some(Outlook::Waiting(Expected::Task(task))) = &mut node.outlook {
                *task = new[*task];
            }
        }
        let mut edges: BTreeMap<(usize, usize, EdgeKind), usize> = BTreeMap::new();
        for edge in &self.edges {
            *edges.entry((new[edge.from], new[edge.to], edge.kind)).or_default() += edge.count;
        }
        let edge = |((from, to, kind), count)| WaitEdge { from, to, kind, count };
        folded.edges = edges.into_iter().map(edge).collect();
        folded
    }
}

/// Returns what stands in a node: its kind, its name, its place, what is to be expected.
fn lines(node: &WaitNode) -> Vec<String> {
    let count = if node.count > 1 { format!("{} x ", node.count) } else { String::new() };
    let kind = match node.kind {
        NodeKind::Task => "task",
        NodeKind::Channel => "channel",
        NodeKind::Lock => "lock",
        NodeKind::Shared => "shared",
        NodeKind::Timer => "timer",
        NodeKind::Source => "events",
        NodeKind::Outside => "outside",
    };
    let outlook = node.outlook.as_ref().map(|outlook| format!(", {}", outlook.name())).unwrap_or_default();
    let name = Some(&node.label).filter(|label| *label != kind).cloned();
    let site = node.site.as_ref().map(ToString::to_string);
    [Some(format!("{count}{kind}{outlook}")), name, site].into_iter().flatten().collect()
}

fn edge_label(edge: &WaitEdge) -> String {
    let label = match edge.kind {
        EdgeKind::Holds => "holds",
        EdgeKind::Wakes | EdgeKind::WakesWaiter => "can wake",
        EdgeKind::EndWakes => "its end wakes",
    };
    if edge.count > 1 { format!("{label} x{}", edge.count) } else { label.to_owned() }
}

fn dot_shape(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Task => "box",
        NodeKind::Channel => "cds",
        NodeKind::Lock => "octagon",
        NodeKind::Shared => "component",
        NodeKind::Timer => "doublecircle",
        NodeKind::Source => "diamond",
        NodeKind::Outside => "house",
    }
}

/// The measures of the image, in pixels.
const CHAR: usize = 7;
const LINE: usize = 16;
const GAP: usize = 130;
const MARGIN: usize = 20;
/// How many columns stand beside one another; what is further to the right goes on below.
const COLUMNS: usize = 5;

/// A node with its place in the image.
struct Box {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
    lines: Vec<String>,
}

/// Lays the nodes out in columns, each as far to the right as the longest way to it, and draws them: names over lines.
fn svg(graph: &WaitGraph) -> String {
    let boxes = layout(graph);
    let width = boxes.iter().map(|it| it.x + it.width).max().unwrap_or(0) + MARGIN;
    let height = boxes.iter().map(|it| it.y + it.height).max().unwrap_or(0) + 2 * MARGIN;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"monospace\" font-size=\"11\">\n<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" \
         markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let lines = graph.edges.iter().map(|edge| line(&boxes[edge.from], &boxes[edge.to], edge));
    let (lines, names): (String, String) = lines.unzip();
    text.push_str(&lines);
    for (node, it) in graph.nodes.iter().zip(&boxes) {
        text.push_str(&shape(node.kind, it));
        for (number, line) in it.lines.iter().enumerate() {
            let (x, y) = (it.x + it.width / 2, it.y + LINE * (number + 1) + 2);
            let _ = writeln!(text, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}</text>", escaped(line));
        }
    }
    text.push_str(&names);
    text.push_str("</svg>\n");
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn layout(graph: &WaitGraph) -> Vec<Box> {
    let columns = columns(graph);
    let size = |node: &WaitNode| {
        let lines = lines(node);
        let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0) * CHAR + 3 * CHAR;
        Box { x: 0, y: 0, width, height: lines.len() * LINE + 12, lines }
    };
    let mut boxes: Vec<Box> = graph.nodes.iter().map(size).collect();
    let (mut x, mut top, mut bottom) = (MARGIN, MARGIN, MARGIN);
    for column in 0..=columns.iter().max().copied().unwrap_or(0) {
        if column > 0 && column.is_multiple_of(COLUMNS) {
            (x, top) = (MARGIN, bottom + 2 * MARGIN);
        }
        let members = in_order(graph, &boxes, &columns, column);
        let width = members.iter().map(|at| boxes[*at].width).max().unwrap_or(0);
        let mut y = top;
        for at in members {
            (boxes[at].x, boxes[at].y) = (x + (width - boxes[at].width) / 2, y);
            y += boxes[at].height + 2 * MARGIN;
        }
        (x, bottom) = (x + width + GAP, bottom.max(y));
    }
    boxes
}

/// Returns the nodes of a column, each about as high as what leads to it: so fewer lines cross.
fn in_order(graph: &WaitGraph, boxes: &[Box], columns: &[usize], column: usize) -> Vec<usize> {
    let height = |at: &usize| {
        let before = graph.to(*at).filter(|edge| columns[edge.from] < column);
        let heights: Vec<usize> = before.map(|edge| boxes[edge.from].y).collect();
        heights.iter().sum::<usize>() / heights.len().max(1)
    };
    let mut members: Vec<usize> = (0..boxes.len()).filter(|at| columns[*at] == column).collect();
    members.sort_by_key(height);
    members
}

/// Gives each node a column: one further than what leads to it, edges that close a cycle left out.
fn columns(graph: &WaitGraph) -> Vec<usize> {
    /// How far the search for a node's column has come.
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    fn visit(graph: &WaitGraph, node: usize, marks: &mut [Mark], columns: &mut [usize]) {
        marks[node] = Mark::Open;
        let sources: Vec<usize> = graph.to(node).map(|edge| edge.from).collect();
        for from in sources {
            if marks[from] == Mark::New {
                visit(graph, from, marks, columns);
            }
            if marks[from] == Mark::Done {
                columns[node] = columns[node].max(columns[from] + 1);
            }
        }
        marks[node] = Mark::Done;
    }
    let mut marks = vec![Mark::New; graph.nodes.len()];
    let mut columns = vec![0; graph.nodes.len()];
    for node in 0..graph.nodes.len() {
        if marks[node] == Mark::New {
            visit(graph, node, &mut marks, &mut columns);
        }
    }
    columns
}

/// Draws an edge, and its name nearer to where it begins: there fewer of them meet. One to the left goes down, or round below.
fn line(from: &Box, to: &Box, edge: &WaitEdge) -> (String, String) {
    let middle = |it: &Box| it.y + it.height / 2;
    let (path, x, y) = if from.x + from.width <= to.x {
        let (x1, y1, x2, y2) = (from.x + from.width, middle(from), to.x, middle(to));
        let path = format!("M{x1} {y1} C{} {y1} {} {y2} {x2} {y2}", x1 + GAP / 2, x2.saturating_sub(GAP / 2));
        (path, (2 * x1 + x2) / 3, (3 * y1 + y2) / 4)
    } else {
        let (x1, y1) = (from.x + from.width / 2, from.y + from.height);
        let is_below = to.y >= y1;
        let (x2, y2) = (to.x + to.width / 2, if is_below { to.y } else { to.y + to.height });
        let (out, into) = if is_below {
            (y1 + 2 * MARGIN, y2.saturating_sub(2 * MARGIN))
        } else {
            let below = y1.max(y2) + 2 * MARGIN;
            (below, below)
        };
        (format!("M{x1} {y1} C{x1} {out} {x2} {into} {x2} {y2}"), (3 * x1 + x2) / 4, (3 * out + into) / 4)
    };
    let dashes = if edge.kind == EdgeKind::Holds { " stroke-dasharray=\"5 4\"" } else { "" };
    let path = format!("<path d=\"{path}\" fill=\"none\" stroke=\"black\"{dashes} marker-end=\"url(#tip)\"/>\n");
    let name = format!(
        "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" fill=\"#444\" stroke=\"white\" stroke-width=\"3\" \
         paint-order=\"stroke\">{}</text>\n",
        y.saturating_sub(4),
        edge_label(edge)
    );
    (path, name)
}

/// Draws the outline of a node: each kind has one of its own.
fn shape(kind: NodeKind, it: &Box) -> String {
    let Box { x, y, width, height, .. } = *it;
    let (right, low, cut) = (x + width, y + height, 8);
    let style = |fill: &str| format!("fill=\"{fill}\" stroke=\"black\"");
    let polygon = |fill: &str, points: &[(usize, usize)]| {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
        format!("<polygon points=\"{}\" {}/>\n", points.join(" "), style(fill))
    };
    let (middle_x, middle_y) = (x + width / 2, y + height / 2);
    match kind {
        NodeKind::Task => {
            format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" {}/>\n", style("#dbe9ff"))
        }
        NodeKind::Channel => {
            let arrow = [(x, y), (right, y), (right + cut, middle_y), (right, low), (x, low), (x + cut, middle_y)];
            polygon("#dff3d8", &arrow)
        }
        NodeKind::Lock => {
            let corners = [(x + cut, y), (right - cut, y), (right, y + cut), (right, low - cut)];
            let back = [(right - cut, low), (x + cut, low), (x, low - cut), (x, y + cut)];
            polygon("#ffe3c9", &[corners, back].concat())
        }
        NodeKind::Shared => format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"14\" {}/>\n",
            style("#f1e1f7")
        ),
        NodeKind::Timer => format!(
            "<ellipse cx=\"{middle_x}\" cy=\"{middle_y}\" rx=\"{}\" ry=\"{}\" {}/>\n",
            width / 2,
            height / 2 + 4,
            style("#fff7c2")
        ),
        NodeKind::Source => {
            let diamond = [(x, middle_y), (middle_x, y.saturating_sub(cut)), (right, middle_y), (middle_x, low + cut)];
            polygon("#fff7c2", &diamond)
        }
        NodeKind::Outside => {
            let house = [(x, y + cut), (middle_x, y.saturating_sub(cut)), (right, y + cut), (right, low), (x, low)];
            polygon("#eeeeee", &house)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(kind: NodeKind, label: &str) -> WaitNode {
        WaitNode {
            kind,
            label: label.to_owned(),
            site: None,
            awaits: None,
            senders: None,
            unsure: false,
            outlook: None,
            count: 1,
        }
    }

    fn edge(from: usize, to: usize, kind: EdgeKind) -> WaitEdge {
        WaitEdge { from, to, kind, count: 1 }
    }

    fn cycle() -> WaitGraph {
        WaitGraph {
            nodes: vec![node(NodeKind::Task, "task"), node(NodeKind::Channel, "mpsc of Vec<\"u8\">")],
            edges: vec![edge(0, 1, EdgeKind::Holds), edge(1, 0, EdgeKind::Wakes)],
        }
    }

    #[test]
    fn kinds_are_told_apart_by_shape_and_word() {
        let dot = cycle().to_dot();
        assert!(dot.contains("n0 [shape=box, label=\"task\"];"), "{dot}");
        assert!(dot.contains("n1 [shape=cds, label=\"channel\\nmpsc of Vec<\\\"u8\\\">\"];"), "{dot}");
        assert!(dot.contains("n0 -> n1 [style=dashed, label=\"holds\"];"), "{dot}");
        assert!(dot.contains("n1 -> n0 [style=solid, label=\"can wake\"];"), "{dot}");
    }

    #[test]
    fn image_escapes_what_is_named() {
        let svg = cycle().to_svg();
        assert!(svg.contains("mpsc of Vec&lt;&quot;u8&quot;&gt;"), "{svg}");
        assert_eq!((svg.matches("<polygon").count(), svg.matches("<path d=\"M").count()), (1, 3), "{svg}");
    }

    #[test]
    fn small_graph_is_lines_of_text() {
        let text = cycle().to_text();
        let lines = [
            "[1] task              - -     holds     - -> [2] mpsc of Vec<\"u8\">",
            "[2] mpsc of Vec<\"u8\"> ---   can wake    ---> [1] task",
        ];
        assert_eq!(text.as_deref(), Some(&*lines.join("\n")));
    }

    #[test]
    fn large_graph_is_folded_with_counts() {
        let mut graph = WaitGraph::default();
        for at in 0..60 {
            graph.nodes.push(node(NodeKind::Task, "task"));
            graph.nodes.push(node(NodeKind::Lock, "tokio Mutex"));
            graph.edges.push(edge(2 * at + 1, 2 * at, EdgeKind::WakesWaiter));
        }
        let folded = graph.folded();
        assert_eq!(folded.nodes.iter().map(|node| node.count).collect::<Vec<_>>(), [60, 60]);
        assert_eq!(folded.edges, [WaitEdge { from: 1, to: 0, kind: EdgeKind::WakesWaiter, count: 60 }]);
        assert!(graph.to_dot().contains("60 x task"));
    }

    #[test]
    fn no_two_nodes_of_a_picture_lie_on_one_another() {
        let mut graph = WaitGraph::default();
        for at in 0..25 {
            graph.nodes.push(node(NodeKind::Task, "task"));
            graph.nodes.push(node(NodeKind::Channel, "tokio mpsc"));
            graph.edges.push(edge(2 * at, 2 * at + 1, EdgeKind::Holds));
            graph.edges.push(edge(2 * at + 1, (2 * at + 2) % 50, EdgeKind::Wakes));
        }
        let boxes = layout(&graph);
        for (at, a) in boxes.iter().enumerate() {
            for b in &boxes[at + 1..] {
                let apart =
                    a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
                assert!(apart);
            }
        }
    }
}
