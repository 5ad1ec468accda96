//! Where a finding is, in words that a shift of lines does not change: the function, and how far into it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use lightsout::Site;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// A place in source code, as a baseline keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Relative to the workspace; for a dependency's file the name of its package comes first, without a version.
    pub(crate) file: String,
    /// With its module and type: `tests::Server::start`; `None` where the line is in none, or the file cannot be read.
    pub(crate) function: Option<String>,
    /// Lines from the one with the function's name, or from the begin of the file where there is no function.
    pub(crate) offset: i64,
    /// The line itself, without its indentation; `None` where the file cannot be read.
    pub(crate) code: Option<String>,
}

/// Turns lines into places; each file is read and parsed once.
#[derive(Debug)]
pub(crate) struct Places {
    /// What relative paths are relative to.
    root: PathBuf,
    /// `None` for a file that cannot be read.
    files: BTreeMap<String, Option<Source>>,
}

/// A file of source code.
#[derive(Debug)]
struct Source {
    lines: Vec<String>,
    functions: Vec<Function>,
}

/// A function's lines, which count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Function {
    name: String,
    /// Of its attributes.
    first: usize,
    /// Of its name.
    named: usize,
    /// Of its closing brace.
    last: usize,
}

impl Places {
    /// Makes a reader of the sources of a workspace.
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), files: BTreeMap::new() }
    }

    /// Returns the place of a line.
    pub(crate) fn of(&mut self, site: &Site) -> Place {
        let file = lasting_name(&site.file, &self.root);
        let path = self.root.join(&*site.file);
        let source = self.files.entry(site.file.to_string()).or_insert_with(|| Source::read(&path));
        let line = site.line as usize;
        let function = source.as_ref().and_then(|source| source.function(line));
        Place {
            file,
            function: function.map(|it| it.name.clone()),
            offset: i64::from(site.line) - function.map_or(0, |it| i64::try_from(it.named).unwrap_or_default()),
            code: source.as_ref().and_then(|source| source.line(line)),
        }
    }
}

impl Source {
    fn read(path: &Path) -> Option<Self> {
        fs::read_to_string(path).ok().map(|text| Self::parse(&text))
    }

    /// Reads a text; one that is no Rust has lines and no functions.
    fn parse(text: &str) -> Self {
        let mut finder = Finder::default();
        if let Ok(file) = syn::parse_file(text) {
            finder.visit_file(&file);
        }
        Self { lines: text.lines().map(|line| line.trim().to_owned()).collect(), functions: finder.functions }
    }

    fn line(&self, number: usize) -> Option<String> {
        self.lines.get(number.checked_sub(1)?).cloned()
    }

    /// Returns the innermost function around a line.
    fn function(&self, line: usize) -> Option<&Function> {
        let around = self.functions.iter().filter(|it| (it.first..=it.last).contains(&line));
        around.max_by_key(|it| it.first)
    }
}

/// Collects the functions of a file.
#[derive(Debug, Default)]
struct Finder {
    /// Modules, types and functions around the current item.
    path: Vec<String>,
    functions: Vec<Function>,
}

impl Finder {
    fn within(&mut self, name: String, visit: impl FnOnce(&mut Self)) {
        self.path.push(name);
        visit(self);
        self.path.pop();
    }

    fn function(&mut self, whole: &impl Spanned, name: &syn::Ident, visit: impl FnOnce(&mut Self)) {
        let (whole, named) = (whole.span(), name.span().start().line);
        self.within(name.to_string(), |finder| {
            let name = finder.path.join("::");
            let (first, last) = (whole.start().line, whole.end().line);
            finder.functions.push(Function { name, first, named, last });
            visit(finder);
        });
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.within(item.ident.to_string(), |finder| visit::visit_item_mod(finder, item));
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        match type_name(&item.self_ty) {
            Some(name) => self.within(name, |finder| visit::visit_item_impl(finder, item)),
            None => visit::visit_item_impl(self, item),
        }
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.within(item.ident.to_string(), |finder| visit::visit_item_trait(finder, item));
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(item, &item.sig.ident, |finder| visit::visit_item_fn(finder, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(item, &item.sig.ident, |finder| visit::visit_impl_item_fn(finder, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.function(item, &item.sig.ident, |finder| visit::visit_trait_item_fn(finder, item));
    }
}

fn type_name(ty: &syn::Type) -> Option<String> {
    match ty {
        syn::Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        syn::Type::Reference(reference) => type_name(&reference.elem),
        _ => None,
    }
}

/// Returns a file's name without what differs from machine to machine and from release to release.
fn lasting_name(file: &str, root: &Path) -> String {
    let file = file.replace('\\', "/");
    let root = root.to_string_lossy().replace('\\', "/");
    if let Some(inner) = file.strip_prefix(&*root).and_then(|rest| rest.strip_prefix('/')) {
        return inner.to_owned();
    }
    of_registry(&file).or_else(|| of_checkout(&file)).or_else(|| of_std(&file)).unwrap_or(file)
}

fn of_registry(file: &str) -> Option<String> {
    let (_, rest) = file.split_once("/registry/src/")?;
    let [_, package, inner] = three(rest)?;
    Some(format!("{}/{inner}", without_version(package)))
}

fn of_checkout(file: &str) -> Option<String> {
    let (_, rest) = file.split_once("/git/checkouts/")?;
    let [repository, _, inner] = three(rest)?;
    Some(format!("{}/{inner}", repository.rsplit_once('-').map_or(repository, |(name, _)| name)))
}

fn of_std(file: &str) -> Option<String> {
    let (_, inner) = file.strip_prefix("/rustc/")?.split_once('/')?;
    Some(inner.to_owned())
}

/// Splits a path into its first folder, its second folder, and the rest.
fn three(path: &str) -> Option<[&str; 3]> {
    let (first, rest) = path.split_once('/')?;
    let (second, rest) = rest.split_once('/')?;
    Some([first, second, rest])
}

/// Returns `tokio` of `tokio-1.54.1`.
fn without_version(package: &str) -> &str {
    let mut dashes = package.match_indices('-').map(|(at, _)| at);
    let version = dashes.find(|at| package[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
    version.map_or(package, |at| &package[..at])
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Source, lasting_name};

    const TEXT: &str = "\
struct Server;

impl Server {
    /// Starts.
    #[inline]
    fn start() {
        fn inner() {
            spawn();
        }
        spawn();
    }
}

mod tests {
    async fn stops() {
        tokio::select! {
            _ = a => spawn(),
        }
    }
}
";

    fn named(line: usize) -> Option<(String, usize)> {
        Source::parse(TEXT).function(line).map(|it| (it.name.clone(), line - it.named))
    }

    #[test]
    fn line_is_told_by_its_innermost_function() {
        assert_eq!(named(8), Some(("Server::start::inner".to_owned(), 1)));
        assert_eq!(named(10), Some(("Server::start".to_owned(), 4)));
        assert_eq!(named(17), Some(("tests::stops".to_owned(), 2)));
        assert_eq!(named(1), None);
    }

    #[test]
    fn text_that_is_no_rust_has_lines() {
        let source = Source::parse("fn broken( {\n    spawn();\n");
        assert_eq!((source.function(2), source.line(2)), (None, Some("spawn();".to_owned())));
        assert_eq!(source.line(0), None);
    }

    #[test]
    fn names_of_files_last() {
        let name = |file| lasting_name(file, Path::new("/home/me/shop"));
        assert_eq!(name("src/lib.rs"), "src/lib.rs");
        assert_eq!(name("/home/me/shop/src/lib.rs"), "src/lib.rs");
        assert_eq!(
            name("/home/me/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/tokio-util-0.7.13/src/x.rs"),
            "tokio-util/src/x.rs"
        );
        assert_eq!(name("/home/me/.cargo/git/checkouts/hyper-0123abcd/9f8e7d6/src/x.rs"), "hyper/src/x.rs");
        assert_eq!(name("/rustc/59807616/library/std/src/thread.rs"), "library/std/src/thread.rs");
        assert_eq!(name("src\\bin\\a.rs"), "src/bin/a.rs");
    }
}
