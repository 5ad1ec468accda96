//! The test that the attribute makes of a model.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{ItemFn, Signature};

use crate::args::{Args, ModelArgs};
use crate::errors;

/// Expands the attribute, to the test or to all mistakes at once.
pub(crate) fn model(args: TokenStream, item: TokenStream) -> TokenStream {
    let function = syn::parse2::<ItemFn>(item.clone()).and_then(|function| check(&function).map(|()| function));
    match errors::both(syn::parse2::<ModelArgs>(args), function) {
        Ok((ModelArgs(args), function)) => expand(&args, &function),
        Err(error) => {
            let mut tokens = error.to_compile_error();
            tokens.extend(item);
            tokens
        }
    }
}

/// Refuses what is no model: it acts by actors, and not by awaiting.
fn check(function: &ItemFn) -> syn::Result<()> {
    let Signature { asyncness, inputs, ident, .. } = &function.sig;
    if let Some(asyncness) = asyncness {
        return Err(syn::Error::new_spanned(asyncness, "a model is not async: its actors are threads\nremove `async`"));
    }
    if inputs.len() != 1 {
        return Err(syn::Error::new_spanned(ident, "a model takes one argument, as in `fn stops(model: &Model)`"));
    }
    Ok(())
}

fn expand(Args { library, calls, .. }: &Args, function: &ItemFn) -> TokenStream {
    let ItemFn { attrs, vis, sig, block } = function;
    let ident = &sig.ident;
    let name = ident.to_string();
    quote! {
        #library::__model! {
            #(#attrs)*
            #[::core::prelude::v1::test]
            #vis fn #ident() {
                #sig #block
                #library::private::model(
                    #library::private::Case {
                        module: ::core::module_path!(),
                        name: #name,
                        package: ::core::option_env!("CARGO_PKG_NAME"),
                        manifest: ::core::option_env!("CARGO_MANIFEST_DIR"),
                        panic: #library::private::Panic::Fails,
                    },
                    |check| check #(#calls)*,
                    #ident,
                );
            }
        }
    }
}
