//! Addresses of a process to addresses that every run gives alike.

use base::Map;

const PAGE_BYTES: u64 = 4096;
/// Pages nearer than this belong to one region: the gaps within a heap or a segment.
const GAP_PAGES: u64 = 16;
/// Where the first region lies.
const FIRST: u64 = 1 << 20;
/// Regions start at multiples of this.
const ALIGN: u64 = 1 << 16;

/// Collects the pages that are touched, in order of first touch.
#[derive(Default)]
pub(super) struct Pages {
    seen: Map<u64, ()>,
    order: Vec<u64>,
}

impl Pages {
    pub(super) fn touch(&mut self, addr: u64, bytes: u64) {
        for page in addr / PAGE_BYTES..=(addr + bytes.saturating_sub(1)) / PAGE_BYTES {
            if self.seen.insert(page, ()).is_none() {
                self.order.push(page);
            }
        }
    }

    /// Lays the regions out.
    pub(super) fn layout(self) -> Layout {
        let mut pages = self.order.clone();
        pages.sort_unstable();
        let mut regions: Vec<Region> = Vec::new();
        for page in pages {
            match regions.last_mut() {
                Some(r) if page - r.last <= GAP_PAGES => r.last = page,
                _ => regions.push(Region { first: page, last: page, base: None }),
            }
        }
        let mut layout = Layout { regions };
        let mut next = FIRST;
        for page in self.order {
            let region = layout.find_mut(page);
            if region.base.is_none() {
                region.base = Some(next);
                let bytes = (region.last - region.first + 1) * PAGE_BYTES;
                next = (next + bytes).next_multiple_of(ALIGN);
            }
        }
        layout
    }
}

struct Region {
    first: u64,
    last: u64,
    base: Option<u64>,
}

/// Where each region went.
pub(super) struct Layout {
    // Sorted by first page; together they hold every touched page.
    regions: Vec<Region>,
}

impl Layout {
    /// The new address of one that was touched.
    pub(super) fn moved(&self, addr: u64) -> u64 {
        let region = &self.regions[self.place(addr / PAGE_BYTES)];
        addr - region.first * PAGE_BYTES + region.base.unwrap_or(FIRST)
    }

    fn find_mut(&mut self, page: u64) -> &mut Region {
        let at = self.place(page);
        &mut self.regions[at]
    }

    fn place(&self, page: u64) -> usize {
        let after = self.regions.partition_point(|r| r.first <= page);
        assert!(after > 0, "page {page:#x} was never touched");
        after - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_touches_elsewhere_give_the_same_addresses() {
        let run = |heap: u64, stack: u64| {
            let touched = [stack + 8, heap + 5000, heap, stack, heap + 9 * PAGE_BYTES];
            let mut pages = Pages::default();
            for a in touched {
                pages.touch(a, 8);
            }
            let layout = pages.layout();
            touched.map(|a| layout.moved(a))
        };
        let here = run(0x5555_0000_0000, 0x7ffd_1234_5000);
        assert_eq!(here, run(0x5611_4422_3000, 0x7ffe_0000_7000));
        assert_eq!(here[0], FIRST + 8);
        assert_eq!(here[1] - here[2], 5000, "within a region nothing moves");
        assert_eq!(here[2] % ALIGN, 0);
    }
}
