//! Where policies run: user code, so never on the control thread.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Instant;

use tracing::error;

use super::{Poke, Ruling, SlotPolicy, SlotView};

/// All policies of a worker; every one has to agree.
#[derive(Default)]
pub(crate) struct Policies {
    list: Vec<Box<dyn SlotPolicy>>,
    pokes: Vec<Poke>,
    panicked: bool,
}

impl Policies {
    pub(crate) fn add(&mut self, policy: impl SlotPolicy) {
        self.pokes.extend(policy.pokes());
        self.list.push(Box::new(policy));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn pokes(&self) -> &[Poke] {
        &self.pokes
    }

    /// `None`: one of them panicked.
    fn rule(&mut self, view: &SlotView, now: Instant) -> Option<Ruling> {
        let list = &mut self.list;
        let ruled = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let rulings = list.iter_mut().map(|policy| policy.rule(view, now));
            rulings.fold(Ruling::yes(), Ruling::and)
        }));
        if ruled.is_err() && !std::mem::replace(&mut self.panicked, true) {
            error!("a slot policy panicked; its last answer holds");
        }
        ruled.ok()
    }
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policies({})", self.list.len())
    }
}

/// The way to the policies.
pub(crate) enum Seat {
    /// A thread asks them. It ends when this is dropped; if a policy never returns, it is
    /// left behind.
    Beside(Sender<SlotView>),
    /// They are asked right here, in workers that have one thread for everything.
    Here(RefCell<Policies>, Box<dyn Fn(Option<Ruling>)>),
}

impl Seat {
    /// Starts a thread. `answer` gets what they say, `None` after a panic.
    pub(crate) fn beside(
        mut policies: Policies,
        answer: impl Fn(Option<Ruling>) + Send + 'static,
    ) -> io::Result<Self> {
        let (ask, asked) = channel();
        thread::Builder::new()
            .name("axon-policy".to_owned())
            .spawn(move || {
                while let Ok(view) = asked.recv() {
                    answer(policies.rule(&view, Instant::now()));
                }
            })?;
        Ok(Self::Beside(ask))
    }

    /// [`Seat::beside`] without a thread.
    pub(crate) fn here(policies: Policies, answer: impl Fn(Option<Ruling>) + 'static) -> Self {
        Self::Here(RefCell::new(policies), Box::new(answer))
    }

    /// Puts the question.
    pub(crate) fn ask(&self, view: SlotView, now: Instant) {
        match self {
            Self::Beside(ask) => {
                // The thread lives as long as this.
                let _ = ask.send(view);
            }
            Self::Here(policies, answer) => answer(policies.borrow_mut().rule(&view, now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn all_have_to_agree_and_a_panic_is_no_answer() {
        let mut policies = Policies::default();
        policies.add(|_: &SlotView, _| Ruling::yes());
        policies.add(|view: &SlotView, _| {
            assert!(view.tasks() < 2, "as asked");
            match view.tasks() {
                0 => Ruling::yes(),
                _ => Ruling::not_now("one is enough"),
            }
        });
        let (answer, answers) = channel();
        let seat = Seat::beside(policies, move |ruling| {
            let _ = answer.send(ruling);
        })
        .unwrap();
        for (tasks, expected) in [
            (0, Some(true)),
            (1, Some(false)),
            (2, None),
            (0, Some(true)),
        ] {
            let view = SlotView::of(["a"]).running(tasks);
            seat.ask(view, Instant::now());
            let ruling = answers.recv().unwrap();
            assert_eq!(ruling.map(|it| it.is_yes()), expected, "{tasks}");
        }
    }
}
