//! Where a form may begin. Most of a log holds no secret, and need not be gone over byte by byte.
//!
//! Of each form the first bytes are known as blocks: every [`BLOCK`] of them in a row. A text is looked at every
//! [`STRIDE_MAX`] bytes only: if a form began since the place before, one of its first blocks would stand here.

use std::collections::BTreeSet;
use std::ops::Range;

/// How many bytes are looked at together.
pub(super) const BLOCK: usize = 4;
/// How far apart places are looked at: less where a form is so short that it would fall in between.
const STRIDE_MAX: usize = 8;
/// Bits in the table for each block: of so many blocks that are not in it one is taken for one that is.
const BITS_EACH: usize = 128;
/// Where the table would no longer fit a processor's near memory, it gets coarser: 64 KiB.
const BITS_MAX: usize = 1 << 19;

/// See the module.
pub(super) struct Sieve {
    /// A bit for each hash of a block.
    bits: Vec<u64>,
    /// How far a hash is shifted to be one of them.
    shift: u32,
    stride: usize,
}

impl Sieve {
    /// `None` where a form is too short to be found by a block.
    pub(super) fn of(forms: &BTreeSet<Vec<u8>>) -> Option<Self> {
        let shortest = forms.iter().map(Vec::len).min()?;
        let stride = (shortest + 1).checked_sub(BLOCK)?.min(STRIDE_MAX);
        if stride == 0 {
            return None;
        }
        let first = |form: &Vec<u8>| (0..stride).map(|at| block(form, at)).collect::<Vec<_>>();
        let blocks: BTreeSet<u32> = forms.iter().flat_map(first).collect();
        let bits = (blocks.len() * BITS_EACH).next_power_of_two().min(BITS_MAX);
        let mut sieve = Self { bits: vec![0; bits.div_ceil(64)], shift: 32 - bits.ilog2(), stride };
        for block in blocks {
            let (word, bit) = sieve.place(block);
            sieve.bits[word] |= bit;
        }
        Some(sieve)
    }

    fn place(&self, block: u32) -> (usize, u64) {
        // Multiplied by the golden ratio, blocks that are alike are far apart.
        let hash = block.wrapping_mul(0x9e37_79b9) >> self.shift;
        (hash as usize / 64, 1 << (hash % 64))
    }

    /// What is to be looked at next, from `from` on: no form begins before that range, and where one begins is known at
    /// its end. At the end of the text it is what is too short to say.
    pub(super) fn next(&self, text: &[u8], from: usize) -> Range<usize> {
        let mut at = from + self.stride - 1;
        while at + BLOCK <= text.len() {
            let (word, bit) = self.place(block(text, at));
            if self.bits[word] & bit != 0 {
                break;
            }
            at += self.stride;
        }
        at + 1 - self.stride..(at + BLOCK).min(text.len())
    }
}

fn block(text: &[u8], at: usize) -> u32 {
    let block = text[at..at + BLOCK].try_into().expect("because it is as long as that");
    u32::from_le_bytes(block)
}
