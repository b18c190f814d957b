//! Who is next.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub(super) use super::turns::Ticket;
use super::turns::{Fifo, Queue as _, Turns};
use super::{Priority, Share};

/// How long one has to wait to go before those of the next higher priority.
pub const AGEING: Duration = Duration::from_secs(5 * 60);

const CLASSES: usize = 3;

/// Those that wait.
pub(super) struct Line<T> {
    classes: [Class; CLASSES],
    waiting: HashMap<Ticket, Waiting<T>>,
    tickets: Ticket,
}

/// Those of one priority.
#[derive(Default)]
struct Class {
    turns: Turns<Arc<str>, Turns<Arc<str>, Fifo>>,
    /// By when they came.
    oldest: BTreeSet<(Instant, Ticket)>,
}

/// One that waits, or waited.
pub(super) struct Waiting<T> {
    priority: Priority,
    share: Share,
    pub(super) slots: usize,
    pub(super) since: Instant,
    /// Whom to give it.
    pub(super) what: T,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { classes: std::array::from_fn(|_| Class::default()), waiting: HashMap::new(), tickets: 0 }
    }
}

impl<T> Line<T> {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn join(
        &mut self,
        priority: Priority,
        share: Share,
        slots: usize,
        since: Instant,
        what: T,
    ) -> Ticket {
        self.tickets += 1;
        let ticket = self.tickets;
        let class = &mut self.classes[priority as usize];
        let path = (share.repository.clone(), (share.change.clone(), ()));
        class.turns.push(path, ticket, slots as u64);
        class.oldest.insert((since, ticket));
        self.waiting.insert(ticket, Waiting { priority, share, slots, since, what });
        ticket
    }

    /// Takes one out that does not want to wait any longer; `None`: it was served, or has left.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<Waiting<T>> {
        let gone = self.waiting.remove(&ticket)?;
        let class = &mut self.classes[gone.priority as usize];
        let path = (gone.share.repository.clone(), (gone.share.change.clone(), ()));
        class.turns.remove(&path, ticket);
        class.oldest.remove(&(gone.since, ticket));
        Some(gone)
    }

    /// Takes the next out, if it needs no more than `free`.
    pub(super) fn next(&mut self, now: Instant, free: usize) -> Option<Waiting<T>> {
        let class = self.classes.iter_mut().enumerate().filter_map(|(rank, class)| {
            let (since, _) = class.oldest.first()?;
            let risen = now.saturating_duration_since(*since).as_secs() / AGEING.as_secs();
            Some((rank as u64 + risen, rank, class))
        });
        let (_, _, class) = class.max_by_key(|(risen, rank, _)| (*risen, *rank))?;
        let (ticket, slots) = class.turns.peek()?;
        if free < usize::try_from(slots).unwrap_or(usize::MAX) {
            return None;
        }
        class.turns.pop();
        let next = self.waiting.remove(&ticket)?;
        class.oldest.remove(&(next.since, ticket));
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The names of those served, one slot after another.
    fn served(line: &mut Line<String>, now: Instant, count: usize) -> Vec<String> {
        (0..count).map_while(|_| line.next(now, 1)).map(|next| next.what).collect()
    }

    fn join(line: &mut Line<String>, priority: Priority, share: Share, now: Instant, name: &str) -> Ticket {
        line.join(priority, share, 1, now, name.to_owned())
    }

    #[test]
    fn another_repository_waits_for_no_more_than_one_job_of_each() {
        let (mut line, now) = (Line::default(), Instant::now());
        for n in 0..10_000 {
            join(&mut line, Priority::Normal, Share::of("a"), now, &format!("a{n}"));
        }
        assert_eq!(served(&mut line, now, 3), ["a0", "a1", "a2"]);
        join(&mut line, Priority::Normal, Share::of("b"), now, "b0");
        join(&mut line, Priority::Normal, Share::of("b"), now, "b1");
        join(&mut line, Priority::Normal, Share::of("c"), now, "c0");
        let next = served(&mut line, now, 6);
        assert!(next[..3].contains(&"b0".to_owned()) && next[..3].contains(&"c0".to_owned()), "{next:?}");
        assert!(next[3..].contains(&"b1".to_owned()), "{next:?}");
        assert_eq!(line.len(), 10_000 - 3 - 3);
    }

    #[test]
    fn pull_requests_of_one_repository_take_turns_and_have_one_turn_among_repositories() {
        let (mut line, now) = (Line::default(), Instant::now());
        for n in 0..4 {
            join(&mut line, Priority::Normal, Share::of("a").within("pr/1"), now, &format!("a1.{n}"));
        }
        join(&mut line, Priority::Normal, Share::of("a").within("pr/2"), now, "a2.0");
        for n in 0..3 {
            join(&mut line, Priority::Normal, Share::of("b"), now, &format!("b{n}"));
        }
        let order = served(&mut line, now, 8);
        assert_eq!(order, ["a1.0", "b0", "a2.0", "b1", "a1.1", "b2", "a1.2", "a1.3"]);
    }

    #[test]
    fn what_needs_more_than_is_free_is_waited_for_and_costs_more_turns() {
        let (mut line, now) = (Line::default(), Instant::now());
        line.join(Priority::Normal, Share::of("a"), 3, now, "a0".to_owned());
        line.join(Priority::Normal, Share::of("a"), 1, now, "a1".to_owned());
        for n in 0..4 {
            line.join(Priority::Normal, Share::of("b"), 1, now, format!("b{n}"));
        }
        assert!(line.next(now, 2).is_none(), "nobody overtakes it");
        let order: Vec<_> = (0..6).filter_map(|_| line.next(now, 3)).map(|next| next.what).collect();
        assert_eq!(order, ["a0", "b0", "b1", "b2", "a1", "b3"]);
    }

    #[test]
    fn a_higher_priority_goes_first_until_a_lower_one_has_waited() {
        let (mut line, now) = (Line::default(), Instant::now());
        join(&mut line, Priority::Low, Share::default(), now, "low");
        join(&mut line, Priority::Normal, Share::default(), now, "normal");
        join(&mut line, Priority::High, Share::default(), now, "high");
        assert_eq!(served(&mut line, now, 1), ["high"]);
        let later = now + AGEING - Duration::from_secs(1);
        join(&mut line, Priority::Normal, Share::default(), later, "normal too");
        assert_eq!(served(&mut line, later, 1), ["normal"]);
        let aged = now + 2 * AGEING;
        join(&mut line, Priority::High, Share::default(), aged, "high too");
        join(&mut line, Priority::Normal, Share::default(), aged, "new");
        join(&mut line, Priority::Normal, Share::default(), aged, "new");
        // Two steps risen it stands with the high ones, as the normal one does that has waited; the new one does not.
        assert_eq!(served(&mut line, aged, 4), ["high too", "normal too", "low", "new"]);
    }

    proptest! {
        /// Nobody is served twice or forgotten, whoever comes and goes, and no name waits for more than one of each other.
        #[test]
        fn each_is_served_once_or_has_left(steps in prop::collection::vec((0..4_u8, 0..5_u8, 0..3_u8, 0..3_usize), 1..200)) {
            let (mut line, now) = (Line::<u64>::default(), Instant::now());
            let mut there = std::collections::BTreeSet::new();
            let mut count = 0;
            for (what, repository, change, priority) in steps {
                match what {
                    0 | 1 => {
                        let priority = [Priority::Low, Priority::Normal, Priority::High][priority];
                        let share = Share::of(repository.to_string()).within(change.to_string());
                        count += 1;
                        let ticket = line.join(priority, share, 1, now, count);
                        prop_assert_eq!(ticket, count);
                        there.insert(count);
                    }
                    2 => match line.next(now, 1) {
                        Some(next) => prop_assert!(there.remove(&next.what)),
                        None => prop_assert!(there.is_empty()),
                    },
                    _ => {
                        let ticket = u64::from(repository) * 7 % (count + 1);
                        prop_assert_eq!(line.leave(ticket).is_some(), there.remove(&ticket));
                    }
                }
                prop_assert_eq!(line.len(), there.len());
            }
            while let Some(next) = line.next(now, 1) {
                prop_assert!(there.remove(&next.what));
            }
            prop_assert!(there.is_empty());
        }
    }
}
