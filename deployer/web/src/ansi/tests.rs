use proptest::prelude::*;

use super::*;

fn html(log: &[u8]) -> String {
    let mut html = Html::new();
    let done = html.push(log);
    done + &html.finish()
}

/// The lines without their anchors.
fn lines(log: &[u8]) -> Vec<String> {
    html(log)
        .lines()
        .map(|line| line.split_once("></a>").map(|(_, text)| text.to_owned()).expect("an anchor"))
        .collect()
}

/// The text, and a panic for what we never write.
fn text_of(html: &str) -> String {
    let wrapped = format!("<pre>{html}</pre>");
    let document = roxmltree::Document::parse(&wrapped).expect("well-formed");
    let mut text = String::new();
    for node in document.root_element().descendants().skip(1) {
        if node.is_text() {
            text.push_str(node.text().unwrap_or_default());
            continue;
        }
        let attributes: Vec<_> = node.attributes().map(|a| (a.name(), a.value())).collect();
        match (node.tag_name().name(), attributes.as_slice()) {
            ("span", [("class", classes)]) => {
                let known = |class: &str| match class.split_at(1) {
                    ("f" | "g", n) => n == "i" || n.parse::<u8>().is_ok_and(|n| n < 16),
                    _ => ["bo", "di", "it", "un", "x"].contains(&class),
                };
                assert!(!classes.is_empty() && classes.split(' ').all(known), "classes {classes:?}");
            }
            ("a", [("class", "n"), ("id", id), ("href", href), ("data-n", n)]) => {
                assert_eq!((*id, *href), (&*format!("L{n}"), &*format!("#L{n}")));
            }
            ("a", [("class", "k"), ("rel", "noopener noreferrer nofollow"), ("href", href)]) => {
                let href = href.to_ascii_lowercase();
                assert!(href.starts_with("http://") || href.starts_with("https://"), "{href}");
            }
            other => panic!("an element that we never write: {other:?}"),
        }
    }
    text
}

/// Bytes that are likely to mean something to a terminal.
fn log() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => "[a-c<&\"']{1,6}".prop_map(String::into_bytes),
        2 => Just(b"\n".to_vec()),
        2 => prop::collection::vec(any::<u8>(), 1..5),
        1 => "\\PC{1,3}".prop_map(String::into_bytes),
        3 => (prop::collection::vec(0u16..300, 0..5), "[?>]?", "[:;]", "[A-HJKXfhlmsu@]").prop_map(
            |(params, private, separator, action)| {
                let params: Vec<_> = params.iter().map(u16::to_string).collect();
                format!("\x1b[{private}{}{action}", params.join(&separator)).into_bytes()
            }
        ),
        1 => "[\x00-\x1f\x7f]{1,3}".prop_map(String::into_bytes),
        1 => ("[0-9]", "(https?|javascript):(//)?[a\"<;&]{0,4}", "(\x07|\x1b\\\\|\n|)").prop_map(|(n, to, end)| {
            format!("\x1b]{n};;{to}{end}").into_bytes()
        }),
        1 => "\x1b[PX^_\\]MDE78c(][a-z\u{9c}✔]{0,3}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..120).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_output_is_the_same_however_the_log_is_cut(log in log(), cuts in prop::collection::vec(1usize..9, 1..40)) {
        let whole = html(&log);
        let (mut html, mut pieces, mut rest) = (Html::new(), String::new(), &log[..]);
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces += &html.push(piece);
            rest = after;
        }
        let preview = html.preview();
        let end = html.finish();
        // The beginning of a character at the very end is only told at the end.
        prop_assert!(end.starts_with(preview.trim_end()) || preview != end && std::str::from_utf8(&log).is_err());
        prop_assert_eq!(pieces + &end, whole);
    }

    #[test]
    fn nothing_but_known_elements_comes_out(log in log()) {
        text_of(&html(&log));
    }

    #[test]
    fn text_without_controls_comes_out_as_it_came_in(lines in prop::collection::vec("\\PC{0,20}", 0..100)) {
        let log: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let shown = text_of(&html(log.as_bytes()));
        prop_assert_eq!(shown, log);
    }
}

#[test]
fn a_progress_meter_is_shown_as_it_stood_last() {
    let log = b"Cloning\nReceiving objects:  10% (1/10)\rReceiving objects:  50% (5/10)\rReceiving objects: 100% (10/10), done.\nok\n";
    assert_eq!(lines(log), ["Cloning", "Receiving objects: 100% (10/10), done.", "ok"]);

    let mut html = Html::new();
    assert_eq!(html.push(b"Receiving objects:  10%\rReceiving objects:  5"), "");
    assert!(text_of(&html.preview()).starts_with("Receiving objects:  50%"), "{}", html.preview());
    html.push(b"\x08\x08 7\x1b[K");
    assert_eq!(text_of(&html.preview()), "Receiving objects:  7\n");
}

#[test]
fn layers_that_are_redrawn_in_place_are_shown_once() {
    let mut log = b"Pulling from library/debian\na1b2: Waiting\nc3d4: Waiting\n".to_vec();
    for percent in [10, 60] {
        log.extend(format!("\x1b[2A\x1b[2K\ra1b2: Downloading {percent}%\x1b[1B\r\x1b[1B").bytes());
        log.extend(format!("\x1b[1A\x1b[2K\rc3d4: Extracting {percent}%\x1b[1B\r").bytes());
    }
    log.extend(b"\x1b[2A\x1b[2K\ra1b2: Pull complete\n\x1b[2K\rc3d4: Pull complete\nDigest: sha256:ff\n");
    assert_eq!(
        lines(&log),
        ["Pulling from library/debian", "a1b2: Pull complete", "c3d4: Pull complete", "Digest: sha256:ff"]
    );
    let redrawn = b"one\ntwo\nthree\x1b[1F\x1b[Jfour";
    assert_eq!(lines(redrawn), ["one", "four"]);
}

#[test]
fn colours_and_emphasis_become_classes() {
    assert_eq!(
        lines(b"\x1b[0m\x1b[1m\x1b[32m   Compiling\x1b[0m ci v0.1\n\x1b[1m\x1b[38;5;9merror\x1b[0m\x1b[1m: no\x1b[22m more"),
        [
            r#"<span class="f2 bo">   Compiling</span> ci v0.1"#,
            r#"<span class="f9 bo">error</span><span class="bo">: no</span> more"#
        ]
    );
    assert_eq!(
        lines(b"\x1b[30;43mnpm\x1b[39m\x1b[49m \x1b[31mERR!\x1b[39m x\x1b[2;3;4mz"),
        [r#"<span class="f0 g3">npm</span> <span class="f1">ERR!</span> x<span class="di it un">z</span>"#]
    );
    // Orange and a light blue in the palette and in true colour, in both notations; grey.
    for (code, class) in [
        ("38;5;208", "f11"),
        ("38;2;255;135;0", "f11"),
        ("38:2::255:135:0", "f11"),
        ("38:2:255:135:0", "f11"),
        ("48;5;75", "g12"),
        ("38;5;244", "f7"),
        ("7", "fi gi"),
        ("7;31", "fi g1"),
    ] {
        assert_eq!(
            lines(format!("\x1b[{code}mx").as_bytes()),
            [format!(r#"<span class="{class}">x</span>"#)]
        );
    }
    // Not a colour: keyboard modes, numbers that no palette has, one that was cut off.
    assert_eq!(lines(b"\x1b[>4;31mx\x1b[38;2;999;0;0my\x1b[38;5mz\x1b[3"), ["xyz"]);
}

/// What a terminal would do to its screen or its title, a log does not do to the page.
#[test]
fn titles_and_screen_commands_are_inert() {
    assert_eq!(
        lines(b"a\x1b]0;owned\x07b\x1b[2Jc\x1b[3Jd\x1b[1;1He\x1bcf\x1b[?1049hg\x1bM\x1b[6nh"),
        ["abcdefgh"]
    );
    // A sequence without an end does not swallow what follows its line.
    for open in ["\x1b]0;title", "\x1b]8;;http://x", "\x1bPdata", "\x1b_apc", "\x1b[12"] {
        assert_eq!(lines(format!("{open}\nseen").as_bytes()), ["", "seen"], "{open:?}");
    }
    assert_eq!(
        lines(b"a\x07b\x00c\x7fd"),
        [r#"ab<span class="x">\x00</span>c<span class="x">&lt;U+007F&gt;</span>d"#]
    );
}

#[test]
fn bytes_that_are_no_text_are_marked() {
    assert_eq!(
        lines(b"caf\xe9 \xe2\x82\xac \xe2\x82"),
        [r#"caf<span class="x">\xe9</span> € <span class="x">\xe2\x82</span>"#]
    );
    let disguised = "access\u{202e}txt.exe".as_bytes();
    assert_eq!(lines(disguised), [r#"access<span class="x">&lt;U+202E&gt;</span>txt.exe"#]);
}

#[test]
fn markup_in_a_log_is_text() {
    assert_eq!(
        lines(br#"<img src=x onerror="a('b')">&amp;"#),
        ["&lt;img src=x onerror=&quot;a(&#39;b&#39;)&quot;&gt;&amp;amp;"]
    );
}

#[test]
fn only_web_addresses_become_links() {
    let link = |to: &str| lines(format!("\x1b]8;;{to}\x1b\\text\x1b]8;;\x1b\\ after").as_bytes()).concat();
    assert_eq!(
        link("https://example.com/a;b?c=1&d=\"<"),
        r#"<a class="k" rel="noopener noreferrer nofollow" href="https://example.com/a;b?c=1&amp;d=&quot;&lt;">text</a> after"#
    );
    assert!(link("HTTP://x").starts_with("<a "));
    let long = format!("https://example.com/{}", "a".repeat(2000));
    let many = format!("https://example.com/{}", "a;".repeat(20));
    for bad in [
        "javascript:alert(1)",
        "JavaScript://x",
        "data:text/html,x",
        "file:///etc",
        "//x",
        "x",
        " http://x",
        &long,
        &many,
    ] {
        assert_eq!(link(bad), "text after", "{bad}");
    }
    assert_eq!(lines(b"\x1b]8;;http://x\x07a\nb")[1], "b", "a link ends with its line");
}

#[test]
fn a_long_line_is_cut_and_says_so() {
    let log = format!("{}\rb\nnext", "a".repeat(COLUMNS_MAX + 7));
    let lines = lines(log.as_bytes());
    assert_eq!(lines[0], format!("b{}<span class=\"x\">… 7 more</span>", "a".repeat(COLUMNS_MAX - 1)));
    assert_eq!(lines[1], "next");
}

#[test]
fn a_line_is_given_out_when_it_leaves_the_window() {
    let mut html = Html::new();
    let first: String = (0..WINDOW_LINES).map(|n| format!("{n}\n")).collect();
    let given = html.push(first.as_bytes());
    assert_eq!(text_of(&given), "0\n");
    // The cursor can't reach what is given out.
    let given = html.push(b"\x1b[999Aup\x1b[999B");
    assert_eq!(given, "");
    assert!(text_of(&html.preview()).starts_with("up\n2\n"), "{}", html.preview());
}

/// Neither a short sequence nor a long one costs much: else a hostile log could stop the page or fill the memory.
#[test]
fn the_cost_of_hostile_bytes_is_bounded() {
    let far = lines(b"\x1b[65535Cx\n\x1b[65535Gy");
    assert_eq!(far, [format!("{}x", " ".repeat(REACH)), format!("{}y", " ".repeat(REACH))]);

    let mut html = Html::new();
    let wide = [vec![b'a'; COLUMNS_MAX], b"\n".to_vec()].concat();
    (0..20).for_each(|_| _ = html.push(&wide));
    assert!(html.preview().len() < WINDOW_CELLS * 2, "wide lines leave the window early");

    let open = [b"\x1b]8;;http://".to_vec(), vec![b'a'; 1 << 20]].concat();
    let mut html = Html::new();
    assert_eq!(html.push(&open), "");
    assert_eq!(html.finish(), "");
}
