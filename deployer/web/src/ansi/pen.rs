//! Colour and emphasis of characters.

use vte::{Params, ParamsIter};

/// How characters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pen {
    fg: Colour,
    bg: Colour,
    attributes: u8,
}

/// 0 is the page's own; 1 to 16 are the terminal's sixteen, which the page's theme makes legible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Colour(u8);

const BOLD: u8 = 1;
const DIM: u8 = 2;
const ITALIC: u8 = 4;
const UNDERLINE: u8 = 8;
const INVERSE: u8 = 16;
const MARK: u8 = 32;
const CLASSES: [(u8, &str); 5] = [(BOLD, "bo"), (DIM, "di"), (ITALIC, "it"), (UNDERLINE, "un"), (MARK, "x")];

impl Pen {
    /// For what is just text.
    pub(super) const PLAIN: Self = Self { fg: Colour(0), bg: Colour(0), attributes: 0 };
    /// For what stands in place of something that can't be shown.
    pub(super) const MARKER: Self = Self { fg: Colour(0), bg: Colour(0), attributes: MARK };

    /// Obeys "select graphic rendition". What it does not know it passes over.
    pub(super) fn select(&mut self, params: &Params) {
        let mut params = params.iter();
        while let Some(param) = params.next() {
            match *param {
                [0] => *self = Self::PLAIN,
                [1] => self.attributes |= BOLD,
                [2] => self.attributes |= DIM,
                [3] => self.attributes |= ITALIC,
                [4, 0] | [24] => self.attributes &= !UNDERLINE,
                [4, ..] | [21] => self.attributes |= UNDERLINE,
                [7] => self.attributes |= INVERSE,
                [22] => self.attributes &= !(BOLD | DIM),
                [23] => self.attributes &= !ITALIC,
                [27] => self.attributes &= !INVERSE,
                [n @ 30..=37] => self.fg = Colour::basic(n - 30),
                [n @ 90..=97] => self.fg = Colour::basic(n - 90 + 8),
                [39] => self.fg = Colour::default(),
                [n @ 40..=47] => self.bg = Colour::basic(n - 40),
                [n @ 100..=107] => self.bg = Colour::basic(n - 100 + 8),
                [49] => self.bg = Colour::default(),
                [38, ref inner @ ..] => self.fg = Colour::of(inner, &mut params).unwrap_or(self.fg),
                [48, ref inner @ ..] => self.bg = Colour::of(inner, &mut params).unwrap_or(self.bg),
                _ => {}
            }
        }
    }

    /// Appends the classes, with a space between; nothing for plain text.
    pub(super) fn push_classes(self, out: &mut String) {
        let from = out.len();
        let mut add = |class: std::fmt::Arguments<'_>| {
            if out.len() > from {
                out.push(' ');
            }
            // Writing to a string can't fail.
            _ = std::fmt::Write::write_fmt(out, class);
        };
        let inverse = self.attributes & INVERSE != 0;
        let (fg, bg) = if inverse { (self.bg, self.fg) } else { (self.fg, self.bg) };
        match fg.0 {
            0 if inverse => add(format_args!("fi")),
            0 => {}
            n => add(format_args!("f{}", n - 1)),
        }
        match bg.0 {
            0 if inverse => add(format_args!("gi")),
            0 => {}
            n => add(format_args!("g{}", n - 1)),
        }
        for (bit, class) in CLASSES {
            if self.attributes & bit != 0 {
                add(format_args!("{class}"));
            }
        }
    }
}

impl Colour {
    fn basic(index: u16) -> Self {
        Self(index as u8 + 1)
    }

    /// An extended colour: `5;N` or `2;R;G;B`, each number a parameter of its own or all in one (`2::R:G:B`).
    fn of(inner: &[u16], more: &mut ParamsIter<'_>) -> Option<Self> {
        let mut next = || more.next().and_then(|param| param.first().copied());
        match *inner {
            [] => match next()? {
                5 => Self::of_256(next()?),
                2 => Self::nearest(next()?, next()?, next()?),
                _ => None,
            },
            [5, n] => Self::of_256(n),
            [2, r, g, b] | [2, _, r, g, b, ..] => Self::nearest(r, g, b),
            _ => None,
        }
    }

    fn of_256(index: u16) -> Option<Self> {
        let level = |n: u16| if n == 0 { 0 } else { 55 + 40 * n };
        match index {
            0..=15 => Some(Self::basic(index)),
            16..=231 => {
                let n = index - 16;
                Self::nearest(level(n / 36), level(n / 6 % 6), level(n % 6))
            }
            232..=255 => {
                Self::nearest(8 + 10 * (index - 232), 8 + 10 * (index - 232), 8 + 10 * (index - 232))
            }
            _ => None,
        }
    }

    /// The one of the sixteen with the nearest hue, bright or not; a grey for what has hardly any hue.
    fn nearest(r: u16, g: u16, b: u16) -> Option<Self> {
        let (max, min) = (r.max(g).max(b), r.min(g).min(b));
        if max > 255 {
            return None;
        }
        let index = if max - min < 48 {
            match max {
                0..48 => 0,
                48..128 => 8,
                128..208 => 7,
                _ => 15,
            }
        } else {
            let strong = |part: u16, bit: u16| if part > (max + min) / 2 { bit } else { 0 };
            strong(r, 1) + strong(g, 2) + strong(b, 4) + if max < 208 { 0 } else { 8 }
        };
        Some(Self::basic(index))
    }
}
