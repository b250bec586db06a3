//! Reading lists a page at a time: from a place, not from a count, so that no page loses or repeats a record.

/// Which page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// What [`Page::next`] of the page before said; `None` for the first one.
    pub after: Option<String>,
    /// How many records at most, 1 to 200.
    pub size: u32,
}

impl PageRequest {
    /// The largest page.
    pub const MOST: u32 = 200;

    pub fn first(size: u32) -> Self {
        PageRequest { after: None, size }
    }

    /// One more than asked for: whether it comes says whether there is another page.
    pub(crate) fn fetch(&self) -> i64 {
        i64::from(self.size.clamp(1, Self::MOST)) + 1
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    pub(crate) fn cut(mut items: Vec<T>, request: &PageRequest, place: impl Fn(&T) -> String) -> Self {
        let size = request.fetch() - 1;
        let more = i64::try_from(items.len()).unwrap_or(i64::MAX) > size;
        items.truncate(usize::try_from(size).unwrap_or(0));
        let next = if more { items.last().map(place) } else { None };
        Page { items, next }
    }
}
