//! The names of types as debug information writes them: `new<a::B<C, D>, fn(E) -> F>`.

/// Returns the first parameter: `a::B<C, D>`.
pub(super) fn first_parameter(typed: &str) -> Option<&str> {
    let inside = typed[typed.find('<')? + 1..].strip_suffix('>')?;
    Some(&inside[..first_ends(inside)])
}

/// Returns where the first of several types ends: at a comma, or where what is around them closes.
pub(super) fn first_ends(types: &str) -> usize {
    let ends = |(_, c, depth): &(usize, char, i32)| (*c == ',' && *depth == 0) || *depth < 0;
    depths(types).find(ends).map_or(types.len(), |(at, ..)| at)
}

/// Returns where what opens with the first character has been closed: behind `<a, b<c>>`.
pub(super) fn closes(text: &str) -> usize {
    depths(text).find(|(_, _, depth)| *depth == 0).map_or(text.len(), |(at, c, _)| at + c.len_utf8())
}

/// Returns each character with its place, and how many brackets are open behind it.
fn depths(text: &str) -> impl Iterator<Item = (usize, char, i32)> {
    let (mut depth, mut before) = (0, ' ');
    text.char_indices().map(move |(at, c)| {
        match c {
            '<' | '(' | '[' | '{' => depth += 1,
            // The arrow of a function's type closes nothing.
            '>' if before == '-' => {}
            '>' | ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        before = c;
        (at, c, depth)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_of_several_types_ends_at_its_own_comma() {
        assert_eq!(first_parameter("new<a::B<C, D>, E>"), Some("a::B<C, D>"));
        assert_eq!(first_parameter("new<fn(A, B) -> C, D>"), Some("fn(A, B) -> C"));
        assert_eq!(first_parameter("new<[u8; 4]>"), Some("[u8; 4]"));
        assert_eq!(first_parameter("new"), None);
        assert_eq!(&"a<b>, c>>"[..first_ends("a<b>>, c>>")], "a<b>");
    }

    #[test]
    fn parameters_close_where_they_opened() {
        assert_eq!(closes("<a, b<fn() -> c>>::d"), "<a, b<fn() -> c>>".len());
        assert_eq!(closes("<a"), 2);
    }
}
