//! A log's page holds lines of links and spans and nothing else, and is the same however the log was cut into pieces. The
//! first byte says how.

use ci_web::ansi::Html;

/// See the module.
pub fn holds(bytes: &[u8]) {
    let Some((cut, log)) = bytes.split_first() else { return };
    let mut whole = Html::new();
    let mut page = whole.push(log);
    page += &whole.finish();
    is_harmless(&page);

    let mut pieces = Html::new();
    let mut joined = String::new();
    for piece in log.chunks(usize::from(*cut) + 1) {
        joined += &pieces.push(piece);
        is_harmless(&pieces.preview());
    }
    joined += &pieces.finish();
    assert_eq!(joined, page, "in pieces of {} bytes", usize::from(*cut) + 1);
}

fn is_harmless(page: &str) {
    let wrapped = format!("<pre>{page}</pre>");
    let document = roxmltree::Document::parse(&wrapped).unwrap_or_else(|error| panic!("{error} in {page}"));
    for element in document.root_element().descendants().skip(1).filter(|node| node.is_element()) {
        let names: Vec<_> = element.attributes().map(|attribute| attribute.name()).collect();
        match (element.tag_name().name(), &names[..]) {
            ("span", ["class"]) | ("a", ["class", "id", "href", "data-n"]) => {}
            ("a", ["class", "rel", "href"]) => {
                let to = element.attribute("href").unwrap_or_default().to_ascii_lowercase();
                assert!(to.starts_with("http://") || to.starts_with("https://"), "a link to {to}");
            }
            other => panic!("an element that is never written: {other:?}"),
        }
    }
    let lines = page.lines().count();
    assert_eq!(page.matches("<a class=\"n\"").count(), lines, "each line has its anchor: {page}");
}
