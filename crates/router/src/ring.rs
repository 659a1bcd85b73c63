//! A ring of lists, one for each cycle to come: what happens when.

/// The lists of one kind of event. Within a list the order does not matter.
#[derive(Clone, Debug)]
pub struct Ring<T> {
    lists: Vec<Vec<T>>,
    mask: usize,
}

impl<T: Clone> Ring<T> {
    /// Room for events up to `span` cycles ahead.
    pub fn new(span: u64) -> Self {
        let size = usize::try_from(span + 1).unwrap_or(usize::MAX).next_power_of_two();
        Self { lists: vec![Vec::new(); size], mask: size - 1 }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the mask takes the low bits")]
    #[inline]
    const fn index(&self, at: u64) -> usize {
        at as usize & self.mask
    }

    /// Puts an event into the list of cycle `at`, at most the span ahead; of `at` its low bits
    /// are enough.
    #[inline]
    pub fn push(&mut self, at: u64, event: T) {
        let index = self.index(at);
        self.lists[index].push(event);
    }

    /// The list of cycle `at`, at most the span ahead, to push events onto.
    #[inline]
    pub fn list(&mut self, at: u64) -> &mut Vec<T> {
        let index = self.index(at);
        &mut self.lists[index]
    }

    /// Whether there are any events in the list of cycle `at`, at most the span ahead.
    #[inline]
    pub fn has(&self, at: u64) -> bool {
        !self.lists[self.index(at)].is_empty()
    }

    /// Takes the list of cycle `now`; it is to be given back for the room that it has.
    #[inline]
    pub fn take(&mut self, now: u64) -> Option<Vec<T>> {
        let index = self.index(now);
        let list = &mut self.lists[index];
        (!list.is_empty()).then(|| core::mem::take(list))
    }

    /// Takes the list of cycle `at`, empty or not, to push onto it; it is to be put back.
    #[inline]
    pub fn open(&mut self, at: u64) -> Vec<T> {
        let index = self.index(at);
        core::mem::take(&mut self.lists[index])
    }

    /// Puts back the list of cycle `at`, which was opened; what came in the meantime is kept.
    #[inline]
    pub fn close(&mut self, at: u64, mut list: Vec<T>) {
        let index = self.index(at);
        let place = &mut self.lists[index];
        if !place.is_empty() {
            list.append(place);
        }
        *place = list;
    }

    /// The lists from cycle `now`'s on.
    pub fn ahead(&mut self, now: u64) -> impl Iterator<Item = &mut Vec<T>> {
        let index = self.index(now);
        let (past, ahead) = self.lists.split_at_mut(index);
        ahead.iter_mut().chain(past)
    }

    /// Whether nothing is to come.
    pub fn is_empty(&self) -> bool {
        self.lists.iter().all(Vec::is_empty)
    }

    /// Gives back the list that was taken in cycle `now`.
    #[inline]
    pub fn give_back(&mut self, now: u64, mut list: Vec<T>) {
        list.clear();
        let index = self.index(now);
        self.lists[index] = list;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_gives_back_what_it_took_in_its_cycle_only() {
        let mut ring = Ring::new(5);
        for (at, event) in [(3, 'a'), (7, 'b'), (3, 'c'), (8, 'd')] {
            ring.push(at, event);
        }
        let mut seen = Vec::new();
        for now in 1..=8 {
            if let Some(list) = ring.take(now) {
                seen.extend(list.iter().map(|e| (now, *e)));
                ring.give_back(now, list);
            }
            assert_eq!(ring.take(now), None);
        }
        assert_eq!(seen, [(3, 'a'), (3, 'c'), (7, 'b'), (8, 'd')]);
    }
}
