//! What comes before what.

/// All of `ins`, each after those that it takes something from, and otherwise as they stand. What would come back to
/// where it began is taken out of `ins`: no pipeline does that.
pub(super) fn order<T>(ins: &mut [Vec<(usize, T)>]) -> Vec<usize> {
    #[derive(Clone, Copy)]
    enum Met {
        Not,
        /// It is on the way, with so many of its inputs behind it.
        Begun(usize),
        Placed,
    }
    let mut met = vec![Met::Not; ins.len()];
    let mut order = Vec::with_capacity(ins.len());
    // Without recursion: a chain may be as long as memory allows.
    let mut way = Vec::new();
    for first in 0..ins.len() {
        way.push(first);
        while let Some(at) = way.last().copied() {
            let next = match met[at] {
                Met::Placed => {
                    way.pop();
                    continue;
                }
                Met::Not => 0,
                Met::Begun(next) => next,
            };
            met[at] = Met::Begun(next + 1);
            match ins[at].get(next).map(|(from, _)| *from) {
                None => {
                    met[at] = Met::Placed;
                    order.push(at);
                    way.pop();
                }
                Some(from) => match met[from] {
                    Met::Placed => {}
                    Met::Not => way.push(from),
                    Met::Begun(_) => {
                        ins[at].remove(next);
                        met[at] = Met::Begun(next);
                    }
                },
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::order;

    fn plain(ins: &[&[usize]]) -> (Vec<usize>, Vec<Vec<usize>>) {
        let mut ins: Vec<Vec<_>> = ins.iter().map(|ins| ins.iter().map(|at| (*at, ())).collect()).collect();
        let order = order(&mut ins);
        (order, ins.iter().map(|ins| ins.iter().map(|(at, ())| *at).collect()).collect())
    }

    #[test]
    fn what_stands_in_order_stays_in_it() {
        assert_eq!(plain(&[&[], &[0], &[], &[0, 2], &[1]]).0, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn what_comes_before_is_drawn_forward() {
        assert_eq!(plain(&[&[3], &[0], &[], &[2]]).0, [2, 3, 0, 1]);
    }

    #[test]
    fn a_circle_is_opened() {
        let (order, ins) = plain(&[&[2], &[0, 1], &[1]]);
        assert_eq!(order, [1, 2, 0]);
        assert_eq!(ins, [vec![2], vec![], vec![1]]);
    }
}
