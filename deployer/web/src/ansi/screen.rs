//! The window of lines that can still change, and the cursor in it.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;

use vte::{Params, Perform};

use super::pen::Pen;
use crate::text;

/// How many lines can still change. Progress displays redraw what fits on a screen.
pub const WINDOW_LINES: usize = 64;
/// How many characters the window holds when a line ends; more, and its first lines are done early. It bounds what a
/// preview costs.
pub const WINDOW_CELLS: usize = 64 * 1024;
/// How many characters of a line are shown. A mark tells how many are not.
pub const COLUMNS_MAX: usize = 16 * 1024;
/// How far right the cursor can move past the end of its line. It bounds what a short sequence can cost.
pub const REACH: usize = 256;
/// How many links a line can hold; the further ones are text.
pub const LINKS_PER_LINE_MAX: usize = 64;

/// What `vte` keeps of an operating system command, and of its parts. One that fills it may have been longer.
const OSC_BYTES_MAX: usize = 1024;
const OSC_PARTS_MAX: usize = 16;

#[derive(Clone, Copy)]
struct Cell {
    c: char,
    pen: Pen,
    /// 0, or one more than the link's place in the row.
    link: u8,
}

const BLANK: Cell = Cell { c: ' ', pen: Pen::PLAIN, link: 0 };

#[derive(Default)]
struct Row {
    cells: Vec<Cell>,
    links: Vec<Arc<str>>,
    /// How many characters came past [`COLUMNS_MAX`].
    cut: u64,
}

pub(super) struct Screen {
    /// Never empty.
    rows: VecDeque<Row>,
    row: usize,
    /// At most the row's end, or [`REACH`].
    column: usize,
    pen: Pen,
    link: Option<Arc<str>>,
    /// How many lines have left the window.
    done: u64,
    html: String,
    /// A sequence that ends now ends because it is cut off.
    cutting: bool,
    /// A row to use again.
    spare: Row,
}

impl Screen {
    pub(super) fn after(lines: u64) -> Self {
        Self {
            rows: VecDeque::from([Row::default()]),
            row: 0,
            column: 0,
            pen: Pen::PLAIN,
            link: None,
            done: lines,
            html: String::new(),
            cutting: false,
            spare: Row::default(),
        }
    }

    /// How many lines there are.
    pub(super) fn lines(&self) -> u64 {
        self.done + self.rows.len() as u64
    }

    /// The lines that left the window since the last time.
    pub(super) fn completed(&mut self) -> String {
        std::mem::take(&mut self.html)
    }

    /// The lines in the window; not a last one without text.
    pub(super) fn window(&self) -> String {
        let mut html = String::new();
        let shown = self.rows.len() - usize::from(self.rows.back().is_some_and(Row::is_empty));
        for (row, number) in self.rows.iter().take(shown).zip(self.done + 1..) {
            row.render(number, &mut html);
        }
        html
    }

    pub(super) fn cuts_sequences(&mut self, cutting: bool) {
        self.cutting = cutting;
    }

    pub(super) fn show_bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.mark(&format!("\\x{byte:02x}"));
        }
    }

    fn mark(&mut self, text: &str) {
        let pen = std::mem::replace(&mut self.pen, Pen::MARKER);
        text.chars().for_each(|c| self.put(c));
        self.pen = pen;
    }

    fn put(&mut self, c: char) {
        let row = &mut self.rows[self.row];
        if self.column >= COLUMNS_MAX {
            row.cut += 1;
            return;
        }
        let link = self.link.as_ref().map_or(0, |link| row.link(link));
        let cell = Cell { c, pen: self.pen, link };
        if self.column < row.cells.len() {
            row.cells[self.column] = cell;
        } else {
            row.cells.resize(self.column, BLANK);
            row.cells.push(cell);
        }
        self.column += 1;
    }

    fn line_feed(&mut self) {
        self.column = 0;
        self.link = None;
        self.row += 1;
        if self.row == self.rows.len() {
            self.rows.push_back(std::mem::take(&mut self.spare));
        }
        while self.rows.len() > WINDOW_LINES
            || (self.row > 0 && self.rows.iter().map(|row| row.cells.len()).sum::<usize>() > WINDOW_CELLS)
        {
            let Some(mut row) = self.rows.pop_front() else { break };
            self.done += 1;
            self.row -= 1;
            row.render(self.done, &mut self.html);
            row.clear();
            self.spare = row;
        }
    }

    fn move_to(&mut self, row: usize, column: usize) {
        self.row = row.min(self.rows.len() - 1);
        self.column = column.min(self.rows[self.row].cells.len().max(REACH));
    }

    fn erase_in_line(&mut self, mode: u16) {
        let row = &mut self.rows[self.row];
        match mode {
            0 => row.truncate(self.column),
            1 if self.column + 1 >= row.cells.len() => row.clear(),
            1 if self.column <= REACH => row.cells[..=self.column].fill(BLANK),
            2 => row.clear(),
            _ => {}
        }
        self.move_to(self.row, self.column);
    }

    fn erase_below(&mut self) {
        self.rows.truncate(self.row + 1);
        self.erase_in_line(0);
    }
}

impl Perform for Screen {
    fn print(&mut self, c: char) {
        match text::hidden(c) {
            Some(name) => self.mark(&name),
            None => self.put(c),
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => self.line_feed(),
            b'\r' => self.column = 0,
            0x08 => self.column = self.column.saturating_sub(1),
            b'\t' => self.move_to(self.row, (self.column / 8 + 1) * 8),
            // Bell, shifts of the character set, CAN.
            0x07 | 0x0e | 0x0f | 0x18 => {}
            byte => self.show_bytes(&[byte]),
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if ignore || !intermediates.is_empty() {
            return;
        }
        let first = params.iter().next().and_then(|param| param.first().copied()).unwrap_or(0);
        let n = usize::from(first.max(1));
        let (row, column) = (self.row, self.column);
        match action {
            'm' => self.pen.select(params),
            'A' => self.move_to(row.saturating_sub(n), column),
            'B' => self.move_to(row + n, column),
            'C' => self.move_to(row, column + n),
            'D' => self.move_to(row, column.saturating_sub(n)),
            'E' => self.move_to(row + n, 0),
            'F' => self.move_to(row.saturating_sub(n), 0),
            'G' => self.move_to(row, n - 1),
            'J' if first == 0 => self.erase_below(),
            'K' => self.erase_in_line(first),
            _ => {}
        }
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], _bell_terminated: bool) {
        if let [b"8", _, target @ ..] = params {
            let whole = params.len() < OSC_PARTS_MAX
                && params.iter().map(|part| part.len()).sum::<usize>() < OSC_BYTES_MAX;
            self.link = Some(target.join(&b';')).filter(|_| whole && !self.cutting).and_then(address);
        }
    }
}

/// The address, if a link may lead there.
fn address(bytes: Vec<u8>) -> Option<Arc<str>> {
    let text = String::from_utf8(bytes).ok()?;
    let scheme = text.split_once("://")?.0;
    let known = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let clean = !text.chars().any(|c| c.is_whitespace() || text::hidden(c).is_some());
    (known && clean).then(|| text.into())
}

impl Row {
    fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.cut == 0
    }

    fn clear(&mut self) {
        self.cells.clear();
        self.links.clear();
        self.cut = 0;
    }

    fn truncate(&mut self, columns: usize) {
        self.cells.truncate(columns);
        self.cut = 0;
    }

    /// What cells of this link say.
    fn link(&mut self, link: &Arc<str>) -> u8 {
        let known = self.links.iter().rposition(|known| Arc::ptr_eq(known, link));
        let at = known.or_else(|| {
            (self.links.len() < LINKS_PER_LINE_MAX).then(|| {
                self.links.push(link.clone());
                self.links.len() - 1
            })
        });
        at.map_or(0, |at| at as u8 + 1)
    }

    fn render(&self, number: u64, out: &mut String) {
        // Writing to a string can't fail, here and below.
        _ = write!(out, r##"<a class="n" id="L{number}" href="#L{number}" data-n="{number}"></a>"##);
        for linked in self.cells.chunk_by(|a, b| a.link == b.link) {
            let link = usize::from(linked[0].link).checked_sub(1).and_then(|at| self.links.get(at));
            if let Some(link) = link {
                out.push_str(r#"<a class="k" rel="noopener noreferrer nofollow" href=""#);
                text::push(out, link);
                out.push_str(r#"">"#);
            }
            for run in linked.chunk_by(|a, b| a.pen == b.pen) {
                let plain = run[0].pen == Pen::PLAIN;
                if !plain {
                    out.push_str(r#"<span class=""#);
                    run[0].pen.push_classes(out);
                    out.push_str(r#"">"#);
                }
                run.iter().for_each(|cell| text::push_char(out, cell.c));
                out.push_str(if plain { "" } else { "</span>" });
            }
            out.push_str(if link.is_some() { "</a>" } else { "" });
        }
        if self.cut > 0 {
            _ = write!(out, r#"<span class="x">… {} more</span>"#, self.cut);
        }
        out.push('\n');
    }
}
