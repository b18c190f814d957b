//! What each combinator of the language means.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ci_core::current::{Input, input};
use ci_core::{Current, Value};

#[path = "../support/words.rs"]
mod words;

mod a_body_is_made_anew_for_a_new_value_only;
mod a_constant_never_changes;
mod a_current_is_printed_by_what_it_is;
mod a_failure_can_be_said_in_other_words_or_be_a_value;
mod a_function_runs_once_for_each_new_value;
mod a_gate_holds_back_a_value_and_not_the_work;
mod a_list_whose_source_fails_keeps_its_elements;
mod a_panic_is_its_nodes_failure;
mod a_result_is_used_for_its_time_and_then_made_again;
mod a_timer_has_only_times_that_there_are;
mod a_value_that_need_not_be_there;
mod all_are_done_when_each_is;
mod an_element_lasts_as_long_as_its_key;
mod counts_are_kept_as_things_move;
mod names_stay_when_other_parts_change;
mod of_several_reasons_the_first_failure_is_told;
mod pictures_show_what_there_would_be;
mod the_outcome_of_the_value_before_serves_if_the_operation_says_so;
mod what_is_used_twice_is_one_node;

/// What happened, in order.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, what: impl Into<String>) {
        self.notes().push(what.into());
    }

    fn notes(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happened since this was last asked.
    fn news(&self) -> Vec<String> {
        std::mem::take(&mut self.notes())
    }

    /// Whether it happened since news were last asked for.
    fn news_has(&self, what: &str) -> bool {
        self.notes().iter().any(|noted| noted == what)
    }

    /// Notes each new value.
    fn follow<T: Value + Debug>(&self, current: &Current<T>) -> Current<()> {
        let diary = self.clone();
        current.map(move |value| diary.note(format!("{value:?}")))
    }

    /// Notes each value of how it stands.
    fn states<T: Value + Debug>(&self, current: &Current<T>) -> Current<()> {
        let diary = self.clone();
        current.state_hidden().map(move |state| match state {
            Ok(value) => diary.note(format!("{value:?}")),
            Err(why) => diary.note(why.to_string()),
        })
    }
}

/// Something that notes when it goes: given to a closure, it says when that is let go of.
struct Goes(&'static str, Diary);

impl Drop for Goes {
    fn drop(&mut self) {
        self.1.note(format!("{} goes", self.0));
    }
}

/// An input that may have no value: `Err` is why.
fn maybe<T: Value>(
    label: &'static str,
    value: Result<T, ci_core::current::Pending>,
) -> (Input<Result<T, ci_core::current::Pending>>, Current<T>) {
    let (set, current) = input(label, value);
    let current = current.bind("", |value| match value.clone() {
        Ok(value) => ci_core::current::constant(value),
        Err(ci_core::current::Pending::Active(activity)) => ci_core::current::active(activity),
        Err(ci_core::current::Pending::Failed(failure)) => {
            let error = ci_core::OpError::new(failure.kind, failure.message.clone());
            ci_core::current::fail(error)
        }
    });
    (set, current)
}

/// For [`maybe`].
fn failed(kind: ci_core::FailureKind, message: &str) -> ci_core::current::Pending {
    let error = ci_core::OpError::new(kind, message);
    ci_core::current::Pending::Failed(Arc::new(ci_core::Failure::from(&error)))
}
