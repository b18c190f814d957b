//! One automaton for all forms of all secrets.
//!
//! It reports each form wherever it ends, also within and across others: what any of them covers is masked. (Of matches
//! that are *leftmost*, as one would replace them, those that overlap are lost, and with them the end of a secret.)
//!
//! The automaton takes some 20 ns for each byte, so it goes only over what a [`Sieve`] lets through. What comes out is
//! the same.

use std::collections::BTreeSet;
use std::ops::Range;

use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::nfa::noncontiguous::NFA;
use aho_corasick::{Anchored, MatchKind};

use super::sieve::{self, Sieve};

/// See the module. It keeps the secrets in memory, and they are not zeroed when it is dropped.
pub(super) struct Mask {
    automaton: NFA,
    start: StateID,
    pending: Pending,
    sieve: Option<Sieve>,
}

impl Mask {
    pub(super) fn of(forms: &BTreeSet<Vec<u8>>) -> Self {
        let automaton = NFA::builder().match_kind(MatchKind::Standard).prefilter(false).build(forms);
        let automaton =
            automaton.expect("because an automaton may have far more states than forms have bytes");
        let start = automaton.start_state(Anchored::No).expect("because an NFA has both starts");
        let pending = Pending::default();
        let mut mask = Self { automaton, start, pending, sieve: Sieve::of(forms) };
        let mut whole = Vec::with_capacity(forms.len());
        for form in forms {
            let mut state = start;
            for (at, byte) in (0..).zip(form) {
                // Before the last byte the form is not there yet.
                mask.pending.note(state, at);
                state = mask.next(state, *byte);
            }
            whole.push((form, state));
        }
        // Where a form is whole and no longer one begins with it, a part of its end may be a beginning: what is pending
        // at the longest part of its end that leads anywhere, which is shorter and so known.
        whole.sort_by_key(|(form, _)| form.len());
        for (form, state) in whole {
            if mask.pending.at(state).is_none() {
                let end = form[1..].iter().fold(start, |state, byte| mask.next(state, *byte));
                mask.pending.note(state, mask.pending.at(end).unwrap_or_default());
            }
        }
        mask
    }

    pub(super) fn start(&self) -> StateID {
        self.start
    }

    fn next(&self, state: StateID, byte: u8) -> StateID {
        self.automaton.next_state(Anchored::No, state, byte)
    }

    /// How many of the bytes up to here the longest form that ends here covers.
    fn covered(&self, state: StateID) -> usize {
        if !self.automaton.is_match(state) {
            return 0;
        }
        let ending = (0..self.automaton.match_len(state)).map(|n| self.automaton.match_pattern(state, n));
        ending.map(|form| self.automaton.pattern_len(form)).max().unwrap_or_default()
    }

    /// How many of the last bytes may be the beginning of a form.
    pub(super) fn pending(&self, state: StateID) -> usize {
        self.pending.at(state).map_or(0, |pending| pending as usize)
    }

    /// Goes over the next bytes, in the state of what came before, of which `held` bytes count. Adds to `covered` what forms
    /// cover of those and these together: ranges in order, apart from each other.
    pub(super) fn go_over(
        &self,
        mut state: StateID,
        held: usize,
        bytes: &[u8],
        covered: &mut Vec<Range<usize>>,
    ) -> StateID {
        // Up to `sure` the automaton has to go.
        let (mut at, mut sure) = (0, 0);
        while at < bytes.len() {
            let pending = self.pending(state);
            if at >= sure
                && pending < sieve::BLOCK.min(at + 1)
                && let Some(sieve) = &self.sieve
            {
                Range { start: at, end: sure } = sieve.next(bytes, at - pending);
                state = self.start;
                continue;
            }
            state = self.next(state, bytes[at]);
            at += 1;
            let length = self.covered(state);
            if length > 0 {
                let end = held + at;
                let mut new = end.saturating_sub(length)..end;
                while let Some(last) = covered.pop_if(|last| last.end >= new.start) {
                    new.start = new.start.min(last.start);
                }
                covered.push(new);
            }
        }
        state
    }
}

/// By state: how many of the last bytes may be the beginning of something that is not there yet.
#[derive(Default)]
struct Pending(Vec<Option<u32>>);

impl Pending {
    fn at(&self, state: StateID) -> Option<u32> {
        self.0.get(state.as_usize()).copied().flatten()
    }

    fn note(&mut self, state: StateID, pending: u32) {
        self.0.resize(self.0.len().max(state.as_usize() + 1), None);
        self.0[state.as_usize()] = Some(pending);
    }
}
