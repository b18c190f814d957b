//! Results that are used for a time, and then made again.

use std::time::Duration;

use super::timer::PERIOD_MIN;
use super::{Current, Value, fail};
use crate::error::OpError;

impl<T: Value> Current<T> {
    /// What an operation makes, used for so long. Then the operation runs again, in the background: the value serves until
    /// there is a new one, and if that is equal nothing moves. So what a name stands for out there is followed:
    /// `docker::pull("debian:13")?.valid_for(DAY)`.
    ///
    /// The time is counted from when the result was there, also over a restart. Where several use one result, the shortest
    /// time counts. If it can't be made again, the value goes on serving, in doubt, and that is tried again for as long as
    /// it takes. A failure, too, is valid for the time, and told until it has come to a new end.
    ///
    /// It is for what an operation makes, before anything is made of that; of anything else it is a failure, as is a time
    /// below [`PERIOD_MIN`].
    ///
    /// ```
    /// # mod words { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/words.rs")); }
    /// # use words::{build, deploy, head};
    /// use std::time::Duration;
    ///
    /// use ci_core::testing;
    ///
    /// const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    ///
    /// let mut t = testing::drive(|| deploy("site_web", &build(&head("site")).valid_for(DAY)));
    /// t.reads("head of site", "1a2b3c4".to_owned());
    /// t.completes("build", "image:7");
    /// t.completes("site_web", ());
    ///
    /// t.advances(DAY);
    /// assert_eq!(t.state("build"), "ok, running anew");
    /// t.completes("build", "image:8");
    /// assert_eq!(t.asked(), ["update site_web (image:8)"]);
    /// t.completes("site_web", ());
    /// ```
    pub fn valid_for(&self, time: Duration) -> Self {
        if time < PERIOD_MIN {
            let wrong = format!("a result can't be used for {time:?} only");
            return fail(OpError::permanent(wrong).with_hint(format!("it is {PERIOD_MIN:?} at least")));
        }
        match self.description().plan.valid_for(time) {
            Some(plan) => Self::described(plan),
            None => fail(
                OpError::permanent("no operation: it has no result that can be made again")
                    .with_hint("say it of what the operation makes, before anything is made of that"),
            ),
        }
    }
}
