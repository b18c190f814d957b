//! A stream is masked as its whole text would be, whatever pieces it comes in.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ci_core::secret::{Secret, Secrets, forms};
use proptest::prelude::*;

/// What secrets are made of: few letters, so that they overlap, and all that encoders have rules for.
fn secret() -> impl Strategy<Value = Vec<u8>> {
    let few = prop::collection::vec(prop::sample::select(&b"ab"[..]), 4..10);
    let odd = prop::collection::vec(prop::sample::select(&b"a'\"\\/<&= +%\n\xc3\xa9\x01-z"[..]), 4..40);
    let any = prop::collection::vec(any::<u8>(), 4..40);
    let token = "[A-Za-z0-9+/_=-]{8,90}".prop_map(String::into_bytes);
    // What masks itself can't be told from its mask.
    let is_maskable = |s: &Vec<u8>| s.trim_ascii().len() >= Secret::BYTES_MIN && !s.contains(&b'*');
    prop_oneof![few, odd, any, token].prop_filter("maskable", is_maskable)
}

#[derive(Clone, Debug)]
enum Piece {
    Noise(Vec<u8>),
    /// A form of a secret, or a part of one.
    Form(prop::sample::Index, prop::sample::Index, Option<prop::sample::Index>),
    /// Base64 of a secret among others.
    Wrapped(prop::sample::Index, Vec<u8>, Vec<u8>),
}

fn piece() -> impl Strategy<Value = Piece> {
    let noise = prop::collection::vec(prop::sample::select(&b"ab \n'x%M=Y"[..]), 0..20);
    let around = || prop::collection::vec(any::<u8>(), 0..5);
    prop_oneof![
        noise.prop_map(Piece::Noise),
        (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<Option<prop::sample::Index>>())
            .prop_map(|(s, f, cut)| Piece::Form(s, f, cut)),
        (any::<prop::sample::Index>(), around(), around()).prop_map(|(s, a, b)| Piece::Wrapped(s, a, b)),
    ]
}

fn text(secrets: &[Vec<u8>], pieces: &[Piece]) -> Vec<u8> {
    let mut text = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Noise(noise) => text.extend(noise),
            Piece::Form(which, form, cut) => {
                let forms: Vec<_> = forms::of(which.get::<Vec<u8>>(secrets)).into_iter().collect();
                let form = form.get(&forms);
                text.extend(&form[..cut.map_or(form.len(), |cut| cut.index(form.len()))]);
            }
            Piece::Wrapped(which, before, after) => {
                let all = [before, which.get::<Vec<u8>>(secrets), after].map(Vec::as_slice).concat();
                text.extend(STANDARD.encode(&all).into_bytes());
                text.extend(URL_SAFE_NO_PAD.encode(&all).into_bytes());
            }
        }
    }
    text
}

fn all_forms(secrets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    secrets.iter().flat_map(|secret| forms::of(secret)).collect()
}

fn black(byte: u8) -> u8 {
    if byte == b'\n' { byte } else { b'*' }
}

/// Each form is looked for at each place.
fn naive(secrets: &[Vec<u8>], text: &[u8]) -> Vec<u8> {
    let mut shown = text.to_vec();
    let forms = all_forms(secrets);
    for form in &forms {
        for at in 0..text.len() {
            if text[at..].starts_with(form) {
                shown[at..at + form.len()].iter_mut().for_each(|byte| *byte = black(*byte));
            }
        }
    }
    // At the end the beginning of a form is masked, too, if it is long enough.
    let is_beginning = |end: &[u8]| forms.iter().any(|form| form.len() > end.len() && form.starts_with(end));
    if let Some(at) = (0..text.len()).find(|at| is_beginning(&text[*at..]))
        && text.len() - at >= Secret::BYTES_MIN
    {
        shown[at..].iter_mut().for_each(|byte| *byte = black(*byte));
    }
    shown
}

fn knowing(secrets: &[Vec<u8>]) -> Secrets {
    let all = Secrets::default();
    for secret in secrets {
        all.add(&Secret::new("secret", secret.clone()).unwrap()).unwrap();
    }
    all
}

fn in_pieces(secrets: &Secrets, text: &[u8], sizes: &[usize]) -> Vec<u8> {
    let (mut masker, mut rest, mut shown) = (secrets.masker(), text, Vec::new());
    for size in sizes.iter().cycle() {
        let (chunk, after) = rest.split_at(rest.len().min(*size));
        shown.extend_from_slice(&masker.push(chunk));
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    shown.extend(masker.cut());
    shown
}

fn contains(text: &[u8], form: &[u8]) -> bool {
    text.windows(form.len()).any(|window| window == form)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn as_if_the_whole_text_was_masked_at_once(
        secrets in prop::collection::vec(secret(), 1..4),
        pieces in prop::collection::vec(piece(), 0..12),
        sizes in prop::collection::vec(1_usize..40, 1..10),
    ) {
        let text = text(&secrets, &pieces);
        let shown = in_pieces(&knowing(&secrets), &text, &sizes);
        prop_assert_eq!(&shown, &naive(&secrets, &text));
        for form in all_forms(&secrets) {
            prop_assert!(!contains(&shown, &form), "{:?} is told", form);
        }
    }

    #[test]
    fn nothing_is_changed_or_held_back_where_there_are_no_secrets(
        chunk in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        prop_assert_eq!(&*Secrets::default().masker().push(&chunk), &chunk);
    }

    #[test]
    fn a_message_tells_no_form_and_is_else_as_it_was(
        secrets in prop::collection::vec(secret(), 1..4),
        pieces in prop::collection::vec(piece(), 0..12),
    ) {
        let text = String::from_utf8_lossy(&text(&secrets, &pieces)).into_owned();
        let forms = all_forms(&secrets);
        let mut covered = vec![false; text.len()];
        for form in &forms {
            for at in (0..text.len()).filter(|at| text.as_bytes()[*at..].starts_with(form)) {
                covered[at..at + form.len()].fill(true);
            }
        }
        let mut expected = Vec::new();
        for (at, byte) in text.bytes().enumerate() {
            match covered[at] {
                true if at > 0 && covered[at - 1] => {}
                true => expected.extend(b"***"),
                false => expected.push(byte),
            }
        }
        let secrets = knowing(&secrets);
        prop_assert_eq!(secrets.text(&text), String::from_utf8_lossy(&expected));
    }
}

#[test]
fn only_the_beginning_of_a_form_is_held_back() {
    let secrets = knowing(&[b"hunter2".to_vec()]);
    let mut masker = secrets.masker();
    assert_eq!(&*masker.push(b"password: "), b"password: ");
    assert_eq!(&*masker.push(b"hunt"), b"");
    assert_eq!(&*masker.push(b"ing, hunter"), b"hunting, ");
    assert_eq!(&*masker.push(b"2"), b"*******", "it is whole, and nothing longer begins with it");
    assert_eq!(&*masker.push(b"hu"), b"");
    assert_eq!(masker.cut(), b"hu", "too short to be a secret");
    let mut masker = secrets.masker();
    assert_eq!(&*masker.push(b"hunte"), b"");
    assert_eq!(masker.cut(), b"*****", "cut in two");
    assert_eq!([&*masker.push(b"r2 "), &*masker.push(b"r2")].concat(), b"** r2");
}

#[test]
fn what_is_added_is_masked_from_then_on_also_in_what_was_held_back() {
    let secrets = knowing(&[b"xabcde".to_vec(), b"abcd!".to_vec()]);
    let mut masker = secrets.masker();
    assert_eq!(&*masker.push(b"token7 xabcd"), b"token7 ");
    secrets.add(&Secret::new("late", "token7").unwrap()).unwrap();
    secrets.add(&Secret::new("later", "cd??").unwrap()).unwrap();
    assert_eq!(&*masker.push(b"??token7 "), b"xab********** ");
}

#[test]
fn what_is_covered_stays_so_when_more_is_added() {
    let secrets = knowing(&[b"xxab".to_vec(), b"abcd".to_vec()]);
    let mut masker = secrets.masker();
    assert_eq!(&*masker.push(b"xxab"), b"**", "abcd may follow");
    secrets.add(&Secret::new("late", "token7").unwrap()).unwrap();
    assert_eq!(&*masker.push(b"! token7 "), b"**! ****** ");
}

#[test]
fn what_would_take_too_much_memory_is_refused_and_the_rest_is_masked() {
    let secrets = knowing(&[b"hunter2".to_vec()]);
    let many: Vec<u8> =
        (0..Secret::BYTES_MAX).map(|n| if n % 5 == 4 { b'\n' } else { (n * 7919 % 251) as u8 }).collect();
    let refused = (0..100).find_map(|n| {
        let secret = [n.to_string().as_bytes(), &many[10..]].concat();
        secrets.add(&Secret::new("keys", secret).unwrap()).err()
    });
    let refused = refused.unwrap();
    assert!(refused.to_string().starts_with("the secret keys can't be masked"), "{refused}");
    assert_eq!(secrets.text("as hunter2"), "as ***");
}
