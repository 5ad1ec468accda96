//! The function under the attribute, and what must be true of it.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::token::Brace;
use syn::{Attribute, Expr, ExprLit, FnArg, Lit, LitStr, Meta, MetaNameValue, Path, Signature, Token, Visibility};

use crate::errors::Errors;

/// Attributes that are called `test` and add something to a test of another crate, instead of running it themselves.
const COMPANIONS: &[&str] = &["test_log"];

/// A function, with its body unread: what is wrong in there, the compiler tells best.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) braces: Brace,
    pub(crate) body: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse().map_err(|error| {
            syn::Error::new(error.span(), format!("`#[lightsout::test]` goes on an `async fn`: {error}"))
        })?;
        let body;
        let braces = syn::braced!(body in input);
        Ok(Self { attributes, visibility, signature, braces, body: body.parse()? })
    }
}

/// How the body should end.
pub(crate) enum Panic {
    /// A panic fails the test.
    Fails,
    /// The body should panic, with this text in its message where there is one.
    Expected(Option<LitStr>),
}

impl Function {
    /// Returns whatever keeps the function from being a test.
    pub(crate) fn check(&self) -> syn::Result<()> {
        if let Some(other) = self.attributes.iter().find(|attribute| is_test(attribute.path())) {
            // The rest would be blamed on what the other attribute has made of the function.
            return Err(syn::Error::new_spanned(
                other.path(),
                "a second test attribute, which would run the body unwatched\nremove it: `#[lightsout::test]` makes the test",
            ));
        }
        let Signature { asyncness, fn_token, generics, inputs, .. } = &self.signature;
        let mut errors = Errors::default();
        if asyncness.is_none() {
            errors.push(syn::Error::new_spanned(fn_token, "a lightsout test is an `async fn`\nwrite `async fn`"));
        }
        if !generics.params.is_empty() {
            errors.push(syn::Error::new_spanned(&generics.params, "a test has no generic parameters"));
        }
        if let Some(bounds) = &generics.where_clause {
            errors.push(syn::Error::new_spanned(bounds, "a test has no `where` clause"));
        }
        match inputs.first() {
            Some(FnArg::Receiver(receiver)) => {
                errors.push(syn::Error::new_spanned(receiver, "a test has no `self`\nmove it out of the `impl`"));
            }
            Some(FnArg::Typed(_)) => errors.push(syn::Error::new_spanned(
                inputs,
                "a test has no parameters\nan attribute that fills them, such as `#[rstest]`, stands above this one",
            )),
            None => {}
        }
        errors.finish()
    }

    /// Reads `#[should_panic]`.
    pub(crate) fn panic(&self) -> syn::Result<Panic> {
        let mut asked = self.attributes.iter().filter(|attribute| is_should_panic(attribute));
        let (first, second) = (asked.next(), asked.next());
        if let Some(second) = second {
            return Err(syn::Error::new_spanned(second.path(), "`should_panic` is given twice"));
        }
        first.map_or(Ok(Panic::Fails), |attribute| expected(&attribute.meta).map(Panic::Expected))
    }

    /// Returns the attributes that stay on the test. libtest must not see `#[should_panic]`: the panic that reports a leak
    /// would be the expected one.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().filter(|attribute| !is_should_panic(attribute))
    }

    /// Returns the function as one that is no test, so that beside its mistakes there is little else to complain about.
    pub(crate) fn without_test(mut self) -> TokenStream {
        for input in &mut self.signature.inputs {
            match input {
                FnArg::Receiver(receiver) => receiver.attrs.clear(),
                FnArg::Typed(typed) => typed.attrs.clear(),
            }
        }
        self.signature.asyncness.get_or_insert_default();
        let body = self.braced(&self.body);
        let Self { visibility, signature, .. } = self;
        quote!(#visibility #signature #body)
    }

    /// Returns the tokens in the braces of the body.
    pub(crate) fn braced(&self, tokens: &TokenStream) -> TokenStream {
        let mut braced = TokenStream::new();
        self.braces.surround(&mut braced, |inside| tokens.to_tokens(inside));
        braced
    }
}

fn is_should_panic(attribute: &Attribute) -> bool {
    attribute.path().is_ident("should_panic")
}

/// Returns whether an attribute of this path makes a test, going by its name, as `#[rstest]` and others do.
fn is_test(path: &Path) -> bool {
    let companion = path.segments.first().is_some_and(|krate| COMPANIONS.iter().any(|name| krate.ident == name));
    path.segments.last().is_some_and(|last| last.ident == "test") && !companion
}

/// Reads the message from one of the three forms of `should_panic`.
fn expected(should_panic: &Meta) -> syn::Result<Option<LitStr>> {
    let wrong = |tokens: &dyn ToTokens| {
        let forms = "`#[should_panic]`, `#[should_panic = \"text\"]`, `#[should_panic(expected = \"text\")]`";
        syn::Error::new_spanned(tokens, format!("not a form of `should_panic`\naccepted: {forms}"))
    };
    match should_panic {
        Meta::Path(_) => Ok(None),
        Meta::NameValue(text) => string(&text.value).map(Some).ok_or_else(|| wrong(&text.value)),
        Meta::List(list) => {
            let pairs = list.parse_args_with(Punctuated::<MetaNameValue, Token![,]>::parse_terminated);
            let text = pairs.ok().filter(|pairs| pairs.len() == 1).and_then(|pairs| pairs.into_iter().next());
            let text = text.filter(|pair| pair.path.is_ident("expected")).and_then(|pair| string(&pair.value));
            text.map(Some).ok_or_else(|| wrong(&list.tokens))
        }
    }
}

fn string(value: &Expr) -> Option<LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.clone()),
        _ => None,
    }
}
