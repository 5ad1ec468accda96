//! What stands in the parentheses of the attribute, and the calls on `Check` that it means.

use std::fmt::Display;

use proc_macro2::{Literal, Span, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, Ident, Lit, LitStr, Path, Token, parse_quote};

use crate::duration;
use crate::errors::{self, Errors};

/// The flavors, by the names of the methods that choose them; the first one is the default.
const FLAVORS: &[&str] = &["current_thread", "multi_thread", "local"];

/// The arguments that make a test a search.
const SEARCHES: &[&str] = &["signals", "delays", "seeds", "explore"];

/// The signals, by the names that plans have, and those of the library's enum.
const SIGNALS: &[(&str, &str)] = &[
    ("SIGTERM", "Term"),
    ("SIGINT", "Int"),
    ("SIGHUP", "Hup"),
    ("SIGQUIT", "Quit"),
    ("SIGUSR1", "Usr1"),
    ("SIGUSR2", "Usr2"),
];

/// The rules of `allow`, by the names of the functions that make them.
const RULES: &[&str] = &["spawned_at", "spawned_in", "task", "thread", "panic", "created_at", "created_in", "closable"];

/// What an open channel means, by the variants of `Channels` in lower case.
const CHANNELS: &[&str] = &["note", "deny", "ignore"];

/// What stands beside the rule.
const REASON: &str = "reason";

/// All arguments, in the order of their calls. A new one is one more entry, and a row in the documentation of the attribute.
const ARGUMENTS: &[Argument] = &[
    Argument {
        name: "crate",
        flavors: FLAVORS,
        times: Times::Once,
        call: |given, _| given.path().map(|_| TokenStream::new()),
    },
    Argument {
        name: "flavor",
        flavors: FLAVORS,
        times: Times::Once,
        call: |given, _| given.flavor().map(|flavor| quote!(.#flavor())),
    },
    Argument {
        name: "worker_threads",
        flavors: &["multi_thread"],
        times: Times::Once,
        call: |given, _| given.count().map(|count| quote!(.worker_threads(#count))),
    },
    Argument {
        name: "start_paused",
        flavors: &["current_thread", "local"],
        times: Times::Once,
        call: |given, _| given.switch().map(|paused| quote!(.start_paused(#paused))),
    },
    Argument {
        name: "deadline",
        flavors: FLAVORS,
        times: Times::Once,
        call: |given, _| given.time_to_wait().map(|time| quote!(.deadline(#time))),
    },
    Argument {
        name: "grace",
        flavors: FLAVORS,
        times: Times::Once,
        call: |given, _| given.duration().map(|time| quote!(.grace(#time))),
    },
    Argument {
        name: "channels",
        flavors: FLAVORS,
        times: Times::Once,
        call: |given, library| given.channels().map(|meaning| quote!(.channels(#library::Channels::#meaning))),
    },
    Argument {
        name: "wait_graph",
        flavors: FLAVORS,
        times: Times::Once,
        call: |given, _| given.switch().map(|told| quote!(.wait_graph(#told))),
    },
    Argument {
        name: "order",
        flavors: FLAVORS,
        times: Times::Any,
        call: |given, _| {
            given
                .words("names in the order of their ends, as in `order = \"listener < database\"`")
                .map(|order| quote!(.order(#order)))
        },
    },
    Argument {
        name: "components",
        flavors: FLAVORS,
        times: Times::Once,
        call: |given, _| given.names().map(|names| quote!(.components([#(#names),*]))),
    },
    Argument {
        name: "signals",
        flavors: FLAVORS,
        times: Times::Once,
        call: |given, library| given.signals(library).map(|signals| quote!(.signals([#(#signals),*]))),
    },
    Argument {
        name: "delays",
        flavors: FLAVORS,
        times: Times::Once,
        call: |given, _| given.count().map(|count| quote!(.delays(#count))),
    },
    Argument {
        name: "seeds",
        flavors: FLAVORS,
        times: Times::Once,
        call: |given, _| given.count().map(|count| quote!(.seeds(#count))),
    },
    Argument {
        name: "runs",
        flavors: FLAVORS,
        times: Times::Once,
        call: |given, _| given.count().map(|count| quote!(.runs(#count))),
    },
    Argument {
        name: "explore",
        flavors: FLAVORS,
        times: Times::Once,
        call: |given, _| given.count().map(|count| quote!(.explore(#count))),
    },
    Argument {
        name: "startup",
        flavors: FLAVORS,
        times: Times::Once,
        call: |given, _| given.deny().map(|()| quote!(.deny_start_up(true))),
    },
    Argument {
        name: "allow",
        flavors: FLAVORS,
        times: Times::Any,
        call: |given, library| given.rule(library).map(|rule| quote!(.allow(#rule))),
    },
];

/// All arguments of the attribute for models, in the order of their calls.
const MODEL_ARGUMENTS: &[Argument] = &[
    Argument {
        name: "crate",
        flavors: FLAVORS,
        times: Times::Once,
        call: |given, _| given.path().map(|_| TokenStream::new()),
    },
    Argument {
        name: "preemptions",
        flavors: FLAVORS,
        times: Times::Once,
        call: |given, _| given.number().map(|count| quote!(.preemptions(#count))),
    },
    Argument {
        name: "iterations",
        flavors: FLAVORS,
        times: Times::Once,
        call: |given, _| given.count().map(|count| quote!(.iterations(#count))),
    },
    Argument {
        name: "time",
        flavors: FLAVORS,
        times: Times::Once,
        call: |given, _| given.time_to_wait().map(|time| quote!(.time(#time))),
    },
    Argument {
        name: "steps",
        flavors: FLAVORS,
        times: Times::Once,
        call: |given, _| given.count().map(|count| quote!(.steps(#count))),
    },
];

/// An argument that the attribute accepts.
struct Argument {
    /// The word before the `=` or the parentheses.
    name: &'static str,
    /// The flavors that it makes sense with.
    flavors: &'static [&'static str],
    /// How often it may be given.
    times: Times,
    /// Reads what was given and returns the call, if any; the path is that of the library.
    call: fn(&Given, &Path) -> syn::Result<TokenStream>,
}

/// How often an argument may be given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Times {
    Once,
    Any,
}

/// The arguments of one attribute, understood.
pub(crate) struct Args {
    /// Where the library is.
    pub(crate) library: Path,
    /// The method calls that set up `Check`, each with its dot.
    pub(crate) calls: Vec<TokenStream>,
    /// The argument that makes the test a search, if any.
    pub(crate) search: Option<Ident>,
}

impl Parse for Args {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Self::of(input, ARGUMENTS)
    }
}

/// The arguments of the attribute for models, understood.
pub(crate) struct ModelArgs(pub(crate) Args);

impl Parse for ModelArgs {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Args::of(input, MODEL_ARGUMENTS).map(Self)
    }
}

impl Args {
    fn of(input: ParseStream<'_>, arguments: &'static [Argument]) -> syn::Result<Self> {
        let all = Punctuated::<Given, Token![,]>::parse_terminated(input)?;
        let value_of = |name| all.iter().find(|given| given.name == name);
        let library =
            value_of("crate").and_then(|given| given.path().ok()).unwrap_or_else(|| parse_quote!(::lightsout));
        // `None` for a flavor that is a mistake itself: what goes with it, nobody knows.
        let flavor = value_of("flavor").map_or(Some(format_ident!("{}", FLAVORS[0])), |given| given.flavor().ok());

        let mut errors = Errors::default();
        let mut calls = Vec::new();
        for (place, given) in all.iter().enumerate() {
            let before = all.iter().take(place);
            let call = given.argument(arguments).and_then(|(rank, argument)| {
                argument.check(given, before, flavor.as_ref())?;
                Ok((rank, (argument.call)(given, &library)?))
            });
            calls.extend(errors.keep(call));
        }
        errors.finish()?;

        calls.sort_by_key(|(rank, _)| *rank);
        let calls = calls.into_iter().map(|(_, call)| call).collect();
        let search = all.iter().find(|given| SEARCHES.iter().any(|name| given.name == name));
        Ok(Self { search: search.map(|given| given.name.clone()), library, calls })
    }
}

impl Argument {
    /// Refuses an argument that was given before, or that the flavor does not have.
    fn check<'a>(
        &self,
        given: &Given,
        before: impl IntoIterator<Item = &'a Given>,
        flavor: Option<&Ident>,
    ) -> syn::Result<()> {
        if self.times == Times::Once {
            given.check_first(before)?;
        }
        match flavor {
            Some(flavor) if !self.flavors.iter().any(|known| flavor == known) => Err(syn::Error::new(
                given.name.span(),
                format!(
                    "`{}` does not go with the flavor `{flavor}`\nit goes with: {}",
                    self.name,
                    choices(&"flavor", self.flavors)
                ),
            )),
            _ => Ok(()),
        }
    }
}

fn choices(name: &impl Display, words: &[&str]) -> String {
    words.iter().map(|word| format!("`{name} = \"{word}\"`")).collect::<Vec<_>>().join(", ")
}

/// One argument as it was written: `name`, `name = value` or `name(name = value, ...)`.
struct Given {
    name: Ident,
    value: Value,
}

enum Value {
    Missing,
    Is(Expr),
    List(Punctuated<Given, Token![,]>),
}

impl Parse for Given {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        // `crate` is a keyword.
        let name = input.call(Ident::parse_any).map_err(|error| {
            syn::Error::new(error.span(), "expected an argument, as in `name = value` or `name(...)`")
        })?;
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Value::Is(input.parse()?)
        } else if input.peek(syn::token::Paren) {
            let list;
            syn::parenthesized!(list in input);
            Value::List(Punctuated::parse_terminated(&list)?)
        } else {
            Value::Missing
        };
        Ok(Self { name, value })
    }
}

impl Given {
    /// Returns the argument that this is, with its place in the order of calls.
    fn argument(&self, arguments: &'static [Argument]) -> syn::Result<(usize, &'static Argument)> {
        let known = arguments.iter().enumerate().find(|(_, argument)| self.name == argument.name);
        known.ok_or_else(|| {
            self.unknown("argument", &arguments.iter().map(|argument| argument.name).collect::<Vec<_>>())
        })
    }

    fn flavor(&self) -> syn::Result<Ident> {
        Ok(format_ident!("{}", self.one_of(FLAVORS)?))
    }

    fn channels(&self) -> syn::Result<Ident> {
        let (first, rest) = self.one_of(CHANNELS)?.split_at(1);
        Ok(format_ident!("{}{rest}", first.to_uppercase()))
    }

    /// Returns which of these words was given.
    fn one_of(&self, words: &'static [&'static str]) -> syn::Result<&'static str> {
        let text = self.text().ok_or_else(|| self.wants(&format!("one of {}", choices(&self.name, words))))?;
        let known = words.iter().find(|word| **word == text.value());
        let kind = self.name.to_string();
        known.copied().ok_or_else(|| self.wrong(errors::unknown(&kind, &text.value(), words)))
    }

    fn number(&self) -> syn::Result<Literal> {
        let wanted = format!("an integer, as in `{} = 3`", self.name);
        let Some(Lit::Int(integer)) = self.literal() else { return Err(self.wants(&wanted)) };
        integer.base10_parse::<usize>().map(Literal::usize_unsuffixed).map_err(|_| self.wants(&wanted))
    }

    fn count(&self) -> syn::Result<Literal> {
        let wanted = format!("an integer that is not zero, as in `{} = 2`", self.name);
        let Some(Lit::Int(integer)) = self.literal() else { return Err(self.wants(&wanted)) };
        match integer.base10_parse::<u32>() {
            Ok(count @ 1..) => Ok(Literal::u32_unsuffixed(count)),
            Ok(0) | Err(_) => Err(self.wants(&wanted)),
        }
    }

    /// Reads `"SIGTERM, SIGTERM"`.
    fn signals(&self, library: &Path) -> syn::Result<Vec<TokenStream>> {
        let wanted = "signals in their order, as in `signals = \"SIGTERM, SIGTERM\"`";
        let text = self.words(wanted)?.value();
        let names: Vec<&str> = SIGNALS.iter().map(|(name, _)| *name).collect();
        let signal = |name: &str| {
            let known = SIGNALS.iter().find(|(known, _)| *known == name);
            let (_, variant) = known.ok_or_else(|| self.wrong(errors::unknown("signal", name, &names)))?;
            let variant = format_ident!("{variant}");
            Ok(quote!(#library::Signal::#variant))
        };
        text.split(',').map(|name| signal(name.trim())).collect()
    }

    fn deny(&self) -> syn::Result<()> {
        match self.text() {
            Some(text) if text.value() == "deny" => Ok(()),
            _ => Err(self.wants(&format!("`\"deny\"`, as in `{} = \"deny\"`", self.name))),
        }
    }

    fn switch(&self) -> syn::Result<bool> {
        match self.literal() {
            Some(Lit::Bool(switch)) => Ok(switch.value),
            _ => Err(self.wants("`true` or `false`")),
        }
    }

    fn duration(&self) -> syn::Result<TokenStream> {
        self.nanos().map(time)
    }

    fn time_to_wait(&self) -> syn::Result<TokenStream> {
        match self.nanos()? {
            0 => Err(self.wrong(format!("`{}` may not be zero: nothing ends in no time", self.name))),
            nanos => Ok(time(nanos)),
        }
    }

    fn nanos(&self) -> syn::Result<u64> {
        let text = self.text().ok_or_else(|| self.wants(&format!("a duration in quotes: {}", duration::FORM)))?;
        duration::nanos(&text.value()).map_err(|message| self.wrong(message))
    }

    fn path(&self) -> syn::Result<Path> {
        let path = match &self.value {
            Value::Is(Expr::Path(bare)) if bare.qself.is_none() => Some(bare.path.clone()),
            _ => self.text().and_then(|text| text.parse_with(Path::parse_mod_style).ok()),
        };
        let plain = path.filter(|path| path.segments.iter().all(|segment| segment.arguments.is_none()));
        plain.ok_or_else(|| self.wants("the path of lightsout, as in `crate = \"my_kit::lightsout\"`"))
    }

    /// Reads the inside of `allow(...)`: one rule and its reason.
    fn rule(&self, library: &Path) -> syn::Result<TokenStream> {
        let Value::List(list) = &self.value else {
            return Err(self.missing("a rule and its reason, as in `allow(task = \"name\", reason = \"why\")`"));
        };
        let mut errors = Errors::default();
        for (place, given) in list.iter().enumerate() {
            errors.keep(given.check_part(list.iter().take(place)));
        }
        // What stands there under a wrong name is not missing as well.
        errors.finish()?;

        let kind = list.iter().find(|given| given.is_rule());
        let kind = kind.ok_or_else(|| self.missing(&format!("a rule, which is one of {}", errors::list(RULES))));
        let rule = kind.and_then(|given| Ok((&given.name, given.words("a glob in quotes that is not empty")?)));
        let reason = list.iter().find(|given| given.name == REASON);
        let reason = reason.ok_or_else(|| self.missing("a reason, as in `reason = \"lives as long as the process\"`"));
        let reason = reason.and_then(|given| given.words("an explanation in quotes that is not empty"));
        let ((kind, glob), reason) = errors::both(rule, reason)?;
        // A mistake in the library's own signature is not the user's.
        let kind = Ident::new(&kind.to_string(), Span::call_site());
        Ok(quote!(#library::Allow::#kind(#glob).because(#reason)))
    }

    /// Refuses what `allow(...)` does not have, or has already.
    fn check_part<'a>(&self, before: impl IntoIterator<Item = &'a Self> + Clone) -> syn::Result<()> {
        if !self.is_rule() && self.name != REASON {
            return Err(self.unknown("rule", &[RULES, &[REASON]].concat()));
        }
        self.check_first(before.clone())?;
        match before.into_iter().find(|given| given.is_rule() && self.is_rule()) {
            Some(first) => Err(syn::Error::new(
                self.name.span(),
                format!("`allow` has one rule, and here is `{}` already\nwrite a second `allow(...)`", first.name),
            )),
            None => Ok(()),
        }
    }

    fn is_rule(&self) -> bool {
        RULES.iter().any(|rule| self.name == rule)
    }

    /// Returns the names in a text, which commas part.
    fn names(&self) -> syn::Result<Vec<String>> {
        let wanted = "names in quotes, as in `components = \"listener, database\"`";
        let names: Vec<String> = self.words(wanted)?.value().split(',').map(|name| name.trim().to_owned()).collect();
        if names.iter().any(String::is_empty) { Err(self.wants(wanted)) } else { Ok(names) }
    }

    fn words(&self, wanted: &str) -> syn::Result<LitStr> {
        self.text().filter(|text| !text.value().trim().is_empty()).cloned().ok_or_else(|| self.wants(wanted))
    }

    fn text(&self) -> Option<&LitStr> {
        match self.literal()? {
            Lit::Str(text) => Some(text),
            _ => None,
        }
    }

    fn literal(&self) -> Option<&Lit> {
        match &self.value {
            Value::Is(value) => literal(value),
            Value::Missing | Value::List(_) => None,
        }
    }

    fn check_first<'a>(&self, before: impl IntoIterator<Item = &'a Self>) -> syn::Result<()> {
        match before.into_iter().find(|given| given.name == self.name) {
            Some(_) => Err(syn::Error::new(self.name.span(), format!("`{}` is given twice", self.name))),
            None => Ok(()),
        }
    }

    fn unknown(&self, what: &str, names: &[&str]) -> syn::Error {
        syn::Error::new(self.name.span(), errors::unknown(what, &self.name.to_string(), names))
    }

    /// Says at the name what should follow it.
    fn missing(&self, what: &str) -> syn::Error {
        syn::Error::new(self.name.span(), format!("`{}` wants {what}", self.name))
    }

    /// Says at the value what should be there.
    fn wants(&self, what: &str) -> syn::Error {
        self.wrong(format!("`{}` wants {what}", self.name))
    }

    fn wrong(&self, message: String) -> syn::Error {
        match &self.value {
            Value::Is(value) => syn::Error::new_spanned(value, message),
            Value::Missing | Value::List(_) => syn::Error::new(self.name.span(), message),
        }
    }
}

fn literal(value: &Expr) -> Option<&Lit> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        // A `macro_rules!` that passes a literal on puts it in an invisible group.
        Expr::Group(group) => literal(&group.expr),
        _ => None,
    }
}

fn time(nanos: u64) -> TokenStream {
    quote!(::core::time::Duration::from_nanos(#nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_and_rule_is_documented() {
        let docs = include_str!("lib.rs");
        let starts = ARGUMENTS.iter().chain(MODEL_ARGUMENTS).map(|argument| argument.name).chain(RULES.iter().copied());
        for start in starts {
            assert!(
                docs.contains(&format!("/// | `{start}")),
                "`{start}` has no row in the tables of the attribute's docs"
            );
        }
    }

    #[test]
    fn calls_come_in_one_order() {
        let args = syn::parse_str::<Args>(
            r#"allow(task = "a", reason = "b"), worker_threads = 2, crate = some::path, flavor = "multi_thread""#,
        );
        let calls = args.unwrap().calls.into_iter().map(|call| call.to_string().replace(' ', "")).collect::<String>();
        assert_eq!(calls, r#".multi_thread().worker_threads(2).allow(some::path::Allow::task("a").because("b"))"#);
    }
}
