//! The state of the routers' blocks, whatever their size.

use base::form::Form;
use base::state::{Loader, Saver, State, Unfit};

use super::Blocks;

impl State for Blocks {
    fn save(&self, to: &mut Saver) {
        match self {
            Self::Lanes64(blocks) => blocks.iter().for_each(|b| b.save(to)),
            Self::Lanes512(blocks) => blocks.iter().for_each(|b| b.save(to)),
            Self::Lanes2048(blocks) => blocks.iter().for_each(|b| b.save(to)),
            Self::Lanes16384(blocks) => blocks.iter().for_each(|b| b.save(to)),
        }
    }

    fn load(&mut self, from: &mut Loader<'_>) -> Result<(), Unfit> {
        match self {
            Self::Lanes64(blocks) => blocks.iter_mut().try_for_each(|b| b.load(from)),
            Self::Lanes512(blocks) => blocks.iter_mut().try_for_each(|b| b.load(from)),
            Self::Lanes2048(blocks) => blocks.iter_mut().try_for_each(|b| b.load(from)),
            Self::Lanes16384(blocks) => blocks.iter_mut().try_for_each(|b| b.load(from)),
        }
    }

    fn form(&self, to: &mut Form) {
        match self {
            Self::Lanes64(blocks) => blocks.iter().take(1).for_each(|b| b.form(to)),
            Self::Lanes512(blocks) => blocks.iter().take(1).for_each(|b| b.form(to)),
            Self::Lanes2048(blocks) => blocks.iter().take(1).for_each(|b| b.form(to)),
            Self::Lanes16384(blocks) => blocks.iter().take(1).for_each(|b| b.form(to)),
        }
    }
}
