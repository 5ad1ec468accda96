#[lightsout::test]
async fn generics<T: Default>()
where
    T: Send,
{
    drop(T::default());
}

fn main() {}
