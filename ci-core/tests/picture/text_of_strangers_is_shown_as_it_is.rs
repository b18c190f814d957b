//! Labels come from branches, commits and programs of others: whatever people can read is shown as it is, in every
//! script, and nothing of it is obeyed.

use ci_core::engine::GroupKind;
use ci_core::picture::{Opened, Picture, Shape};

use crate::support::{Pipeline, drawn_by_graphviz};

const LABELS: [&str; 14] = [
    "café ✓",
    "構築する",
    "بناء",
    "👩‍🚀 launch",
    "say \"hi\"",
    "C:\\new\\N\\l \\",
    "&amp; &lt; & #quot; #35;",
    "<script>alert('1')</script>",
    "</svg>]; n0 -> n1; }",
    "`**markdown**` [x](javascript:1) %%{init}%%",
    "end",
    "{a|<b>c}",
    "-->|x| ((y)):::failed",
    "  spaces  ",
];

fn labelled(labels: &[&str]) -> Picture {
    let mut it = Pipeline::default();
    let list = it.head("list");
    for label in labels {
        it.grouped(list, GroupKind::Element, label, |it| {
            let node = it.op(label, &[list]);
            it.fail(node, label);
        });
    }
    it.picture()
}

#[test]
fn graphviz_shows_every_label_as_it_is() {
    let (svg, texts) = drawn_by_graphviz(&labelled(&LABELS).dot());
    for label in LABELS {
        // A job leads there, so the box ends with how it stands; the frame says the label alone.
        assert!(texts.contains(&format!("{label} ✗")), "the box {label:?} in {texts:?}");
        assert!(texts.iter().any(|text| text.trim() == label.trim()), "the frame {label:?} in {texts:?}");
        assert!(svg.contains("xlink:title=\"failed: "), "{svg}");
    }
    assert!(!svg.contains("<script"), "{svg}");
}

#[test]
fn what_people_would_not_see_is_named_and_lines_stay_lines() {
    let picture = labelled(&["a\u{202e}b\u{0}c\u{1b}[31m\u{ffff}", "two\nlines\tand a tab\r\n"]);
    let (_, texts) = drawn_by_graphviz(&picture.dot());
    assert!(texts.contains(&"a<U+202E>b<U+0000>c<U+001B>[31m<U+FFFF> ✗".to_owned()), "{texts:?}");
    assert!(
        texts.contains(&"two".to_owned()) && texts.contains(&"lines and a tab<U+000D>".to_owned()),
        "{texts:?}"
    );
}

/// A link may hold what means something in markup.
#[test]
fn a_link_with_an_ampersand_makes_sound_markup() {
    let picture = labelled(&["build"]);
    let (svg, _) = drawn_by_graphviz(&picture.dot());
    assert!(svg.contains("?all&amp;raw\""), "{svg}");
    assert!(!svg.contains("&amp;amp;"), "{svg}");
    assert!(picture.mermaid().contains("?all&raw\" _top"));
}

/// By Mermaid's rules a text in quotes ends at the next quote, `#…;` names a character, and a line is a statement.
#[test]
fn mermaid_gets_nothing_but_text() {
    let text = labelled(&LABELS).mermaid();
    let mut told = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| line.contains('"') && !line.starts_with("click")) {
        let (before, rest) = line.split_once('"').expect("a quote");
        let (inside, after) = rest.split_once('"').expect("another");
        let known = |text: &str| {
            text.trim_start_matches("subgraph ")
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "([]):".contains(c))
        };
        assert!(known(before) && known(after), "{line}");
        let harmless = |c: char| !c.is_ascii_punctuation() || ".,/".contains(c);
        let (mut plain, mut rest) = (String::new(), inside);
        while let Some((text, entity)) =
            rest.replace("<br/>", "\n").split_once('#').map(|(a, b)| (a.to_owned(), b.to_owned()))
        {
            assert!(text.chars().all(harmless), "{line}");
            let (name, after) = entity.split_once(';').expect("an entity ends");
            plain += &text;
            plain.push(match name {
                "quot" => '"',
                number => char::from_u32(number.parse().expect("a number")).expect("a character"),
            });
            rest = &inside[inside.len() - after.replace('\n', "<br/>").len()..];
        }
        let rest = rest.replace("<br/>", "\n");
        assert!(rest.chars().all(harmless), "{line}");
        told.push((plain + &rest).replace("\\\u{2060}n", "\\n"));
    }
    for label in LABELS {
        assert!(told.iter().any(|text| text.trim() == label.trim()), "the frame {label:?} in {told:?}");
        assert!(
            told.iter().any(|text| text.starts_with(&format!("{label} ✗\nfailed"))),
            "the box {label:?} in {told:?}"
        );
    }
}

#[test]
fn json_holds_every_label_as_it_is() {
    let picture = labelled(&LABELS);
    let json: serde_json::Value = serde_json::from_str(&picture.json()).expect("it is JSON");
    let points = json["points"].as_array().expect("a list");
    let labels: Vec<_> = points.iter().filter_map(|it| it["shape"]["label"].as_str()).skip(1).collect();
    assert_eq!(labels, LABELS);
    assert_eq!(json["points"][1]["shape"]["standing"], "failed");
}

/// Of what opens a box, too.
#[test]
fn keys_of_strangers_are_text() {
    let mut it = Pipeline::default();
    let inside = it.op("build", &[]);
    it.collapse(("a\"b", "x\"];\n<y>&\\"), inside, &[]);
    let picture = it.opened(&Opened::default());
    let (svg, texts) = drawn_by_graphviz(&picture.dot());
    assert!(texts.contains(&"+ x\"];".to_owned()) && !svg.contains("<y>"), "{svg}");
    let click = picture.mermaid();
    let click = click.lines().find(|line| line.contains("click")).expect("a link");
    assert_eq!(click.trim(), "click n0 href \"?a%22b=x%22];%0A%3Cy%3E&%5C\" _top");
    assert!(matches!(picture.points[0].shape, Shape::Box(_)));
}
