//! Mishaps drawn at random befall the same world, one after another. `MISHAPS` says how many, `MISHAP_SEED` which.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};

use super::{all, befalls};
use crate::support::World;

/// How many there are unless somebody says: in `scripts/soak` far more.
const MISHAPS_DEFAULT: u64 = 4;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} should be a number, and is {text:?}")))
}

/// The next of a sequence that is the same for the same seed (SplitMix64).
fn draw(seed: &mut u64, bound: usize) -> usize {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) % bound as u64) as usize
}

#[test]
fn one_after_another() {
    let mut seed = number("MISHAP_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish());
    println!("MISHAP_SEED={seed}");
    let mut world = World::that_works();
    for n in 1..=number("MISHAPS").unwrap_or(MISHAPS_DEFAULT) {
        let mut mishaps = all();
        let mut mishap = mishaps.swap_remove(draw(&mut seed, mishaps.len()));
        println!("{n}: {:?}", mishap.told());
        befalls(&mut world, &mut *mishap);
    }
    world.ends();
}
