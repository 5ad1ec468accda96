//! Changes manifests and settings of cargo, and leaves everything in them as it was written.

use std::path::Path;

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value, value};

use super::Dependency;
use super::changes::Changes;
use crate::error::Error;
use crate::suite::Member;

/// Adds the dev-dependency, unless there is one.
pub(super) fn add_dependency(changes: &mut Changes, member: &Member, dependency: &Dependency) -> Result<(), Error> {
    let path = member.folder.join("Cargo.toml");
    changes.change(&path, |text| {
        let mut document = parse(&path, text)?;
        if dependency_is_there(&document) {
            return Ok(text.to_owned());
        }
        let table = document.entry("dev-dependencies").or_insert_with(|| Item::Table(Table::new()));
        let table =
            table.as_table_like_mut().ok_or_else(|| Error::change_file(&path, "`dev-dependencies` is no table"))?;
        table.insert("lightsout", Item::Value(written(dependency)));
        Ok(document.to_string())
    })
}

fn dependency_is_there(document: &DocumentMut) -> bool {
    ["dependencies", "dev-dependencies"]
        .iter()
        .any(|table| document.get(table).and_then(Item::as_table_like).is_some_and(|it| it.contains_key("lightsout")))
}

fn written(dependency: &Dependency) -> Value {
    match dependency {
        Dependency::Version(version) => {
            let short: Vec<_> = version.split('.').take(2).collect();
            Value::from(short.join("."))
        }
        Dependency::Path(path) => {
            let mut table = InlineTable::new();
            table.insert("path", Value::from(path.to_string_lossy().into_owned()));
            Value::InlineTable(table)
        }
    }
}

/// Adds a flag of the compiler for everything that is built here, unless it is there.
pub(super) fn add_flag(changes: &mut Changes, path: &Path, flag: &str) -> Result<(), Error> {
    changes.change(path, |text| {
        let mut document = parse(path, text)?;
        let build = document.entry("build").or_insert_with(|| Item::Table(Table::new()));
        let build = build.as_table_like_mut().ok_or_else(|| Error::change_file(path, "`build` is no table"))?;
        let flags = build.entry("rustflags").or_insert_with(|| value(Array::new()));
        match flags.as_value_mut() {
            Some(Value::Array(flags)) => {
                let there: Vec<_> = flags.iter().filter_map(Value::as_str).collect();
                if !there.join(" ").contains(flag) {
                    flag.split(' ').for_each(|word| flags.push(word));
                }
            }
            Some(Value::String(flags)) if flags.value().contains(flag) => {}
            Some(Value::String(old)) => {
                let new = format!("{} {flag}", old.value());
                *flags = value(new.trim());
            }
            _ => return Err(Error::change_file(path, "`build.rustflags` is neither text nor a list")),
        }
        Ok(document.to_string())
    })
}

fn parse(path: &Path, text: &str) -> Result<DocumentMut, Error> {
    text.parse().map_err(|error: toml_edit::TomlError| Error::change_file(path, &error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{add_dependency, add_flag};
    use crate::init::Dependency;
    use crate::init::changes::Changes;
    use crate::suite::Member;

    fn changed(text: &str, change: impl FnOnce(&mut Changes, &Path)) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("Cargo.toml");
        fs::write(&path, text).expect("a file");
        let mut changes = Changes::new(folder.path());
        change(&mut changes, &path);
        changes.write(|| Ok(())).expect("written");
        fs::read_to_string(path).expect("a file")
    }

    fn with_dependency(text: &str) -> String {
        changed(text, |changes, path| {
            let member = Member { folder: path.parent().expect("a folder").to_owned(), ..Member::default() };
            add_dependency(changes, &member, &Dependency::Version("0.1.0")).expect("a change");
        })
    }

    #[test]
    fn dependency_is_added_and_the_rest_stays() {
        let text = "# mine\n[package]\nname = 'shop' # single\n\n[dev-dependencies]\ntokio = \"1\" # runtime\n\n[features]\nx = []\n";
        let expected = text.replace("# runtime\n", "# runtime\nlightsout = \"0.1\"\n");
        assert_eq!(with_dependency(text), expected);
        assert_eq!(with_dependency(&expected), expected);
        assert_eq!(
            with_dependency("[package]\nname = \"a\"\n"),
            "[package]\nname = \"a\"\n\n[dev-dependencies]\nlightsout = \"0.1\"\n"
        );
    }

    #[test]
    fn flag_joins_those_that_are_there() {
        let with = |text: &str| {
            changed(text, |changes, path| add_flag(changes, path, "--cfg tokio_unstable").expect("a change"))
        };
        assert_eq!(with(""), "[build]\nrustflags = [\"--cfg\", \"tokio_unstable\"]\n");
        assert_eq!(
            with("[build]\nrustflags = [\"-g\"]\n"),
            "[build]\nrustflags = [\"-g\", \"--cfg\", \"tokio_unstable\"]\n"
        );
        assert_eq!(with("[build]\nrustflags = \"-g\"\n"), "[build]\nrustflags = \"-g --cfg tokio_unstable\"\n");
        for text in [
            "[build]\nrustflags = [\"--cfg\", \"tokio_unstable\"]\n",
            "[build]\nrustflags = \"--cfg tokio_unstable\"\n",
        ] {
            assert_eq!(with(text), text);
        }
    }
}
