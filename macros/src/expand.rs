//! The test that the attribute makes.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote;
use syn::spanned::Spanned as _;
use syn::{Path, ReturnType, Signature, Token};

use crate::args::Args;
use crate::errors;
use crate::function::{Function, Panic};

/// Expands the attribute, to the test or to all mistakes at once.
pub(crate) fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    let function = match syn::parse2::<Function>(item.clone()) {
        Ok(function) => function,
        Err(error) => return beside(&error, item),
    };
    match understand(args, &function) {
        Ok((args, panic)) => expand(&args, &panic, &function),
        Err(error) => beside(&error, function.without_test()),
    }
}

fn understand(args: TokenStream, function: &Function) -> syn::Result<(Args, Panic)> {
    let arguments = errors::both(syn::parse2(args), function.panic());
    let ((args, panic), ()): ((Args, Panic), ()) = errors::both(arguments, function.check())?;
    match (&args.search, &panic) {
        (Some(search), Panic::Expected(_)) => Err(syn::Error::new(
            search.span(),
            format!(
                "`{search}` does not go with `#[should_panic]`\na search asks whether the body passes under every plan"
            ),
        )),
        _ => Ok((args, panic)),
    }
}

/// Keeps the item where it is, so that what uses it finds it, and its imports are not unused.
fn beside(error: &syn::Error, item: TokenStream) -> TokenStream {
    let mut tokens = error.to_compile_error();
    tokens.extend(item);
    tokens
}

fn expand(args: &Args, panic: &Panic, function: &Function) -> TokenStream {
    let Function { visibility, signature, body, .. } = function;
    let Signature { fn_token, ident, .. } = signature;
    let attributes = function.attributes();
    let inner = inner(signature);
    let call = call(args, panic, &inner);
    let body = function.braced(body);
    // The braces are those of the body once more: what is said about the length of the function is said here.
    let outer_body = function.braced(&quote! { #inner #body #call; });
    // `#[test]` comes last, so that attributes in between know that they are on a test.
    quote! {
        #(#attributes)*
        #[::core::prelude::v1::test]
        #visibility #fn_token #ident() #outer_body
    }
}

/// Returns the head of the function that holds the body. It keeps the name, which backtraces and await stacks show, and is
/// an `async fn` and not a block, so that type errors speak of its return type.
fn inner(signature: &Signature) -> Signature {
    // Marked as generated: an `async fn` without `.await` is fine for a test, and one remark about the name is enough.
    let generated = Span::call_site();
    let mut ident = signature.ident.clone();
    ident.set_span(generated.located_at(ident.span()));
    Signature { asyncness: Some(Token![async](generated)), ident, ..signature.clone() }
}

/// Returns the call into the library, for the function that holds the body.
fn call(Args { library, calls, .. }: &Args, panic: &Panic, inner: &Signature) -> TokenStream {
    let Signature { ident, output, .. } = inner;
    let name = ident.to_string();
    let panic = panic_tokens(panic, library);
    let call = quote! {
        #library::private::test(
            #library::private::Case {
                module: ::core::module_path!(),
                name: #name,
                package: ::core::option_env!("CARGO_PKG_NAME"),
                manifest: ::core::option_env!("CARGO_MANIFEST_DIR"),
                panic: #panic,
            },
            |check| check #(#calls)*,
            #ident,
        )
    };
    match output {
        ReturnType::Default => call,
        // The return type is what is wrong when a test cannot end in it, and the call is where the compiler notices.
        ReturnType::Type(_, output) => at(output.span(), call),
    }
}

fn panic_tokens(panic: &Panic, library: &Path) -> TokenStream {
    match panic {
        Panic::Fails => quote!(#library::private::Panic::Fails),
        Panic::Expected(None) => quote!(#library::private::Panic::Expected(::core::option::Option::None)),
        Panic::Expected(Some(text)) => {
            quote!(#library::private::Panic::Expected(::core::option::Option::Some(#text)))
        }
    }
}

/// Moves the tokens to a place, but not what is in their parentheses. What their names mean stays the same.
fn at(place: Span, tokens: TokenStream) -> TokenStream {
    let moved = |mut token: TokenTree| {
        token.set_span(token.span().located_at(place));
        token
    };
    tokens.into_iter().map(moved).collect()
}
