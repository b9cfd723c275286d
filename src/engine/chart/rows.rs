//! Many short lists as two long ones: read and compared without an allocation for each.

use serde::{Deserialize, Serialize};

/// Lists, by their place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows<T> {
    /// Where each list ends among all items, and the next begins.
    ends: Vec<u32>,
    items: Vec<T>,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { ends: Vec::new(), items: Vec::new() }
    }
}

impl<T> Rows<T> {
    /// Adds a list behind the others.
    pub fn push(&mut self, row: impl IntoIterator<Item = T>) {
        self.items.extend(row);
        self.ends.push(self.items.len() as u32);
    }

    /// The list at a place; empty where there is none.
    pub fn row(&self, at: usize) -> &[T] {
        let start = at.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        let range = start.zip(self.ends.get(at).copied());
        range.and_then(|(start, end)| self.items.get(start as usize..end as usize)).unwrap_or(&[])
    }

    pub fn iter(&self) -> impl Iterator<Item = &[T]> {
        (0..self.ends.len()).map(|at| self.row(at))
    }
}

impl<T: Copy + Into<u32>> Rows<T> {
    /// For each of `n` items, the places of the lists that hold it, in order.
    pub fn turned(&self, n: usize) -> Rows<u32> {
        let mut ends = vec![0; n];
        let holds = |item: &T| usize::try_from((*item).into()).ok().filter(|it| *it < n);
        self.iter().flatten().filter_map(holds).for_each(|item| ends[item] += 1);
        let mut sum = 0;
        for end in &mut ends {
            (*end, sum) = (sum, sum + *end);
        }
        // Each row is filled from where it starts; then its fill is where it ends.
        let mut items = vec![0; sum as usize];
        for (row, at) in self.iter().zip(0..) {
            for item in row.iter().filter_map(holds) {
                items[ends[item] as usize] = at;
                ends[item] += 1;
            }
        }
        Rows { ends, items }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows_of(lists: &[Vec<u32>]) -> Rows<u32> {
        let mut rows = Rows::default();
        lists.iter().for_each(|list| rows.push(list.iter().copied()));
        rows
    }

    proptest! {
        #[test]
        fn they_hold_what_was_pushed(
            lists in proptest::collection::vec(proptest::collection::vec(0..9u32, 0..5), 0..9),
        ) {
            let rows = rows_of(&lists);
            let held: Vec<Vec<u32>> = rows.iter().map(<[u32]>::to_vec).collect();
            prop_assert_eq!(&held, &lists);
            prop_assert!(rows.row(lists.len()).is_empty());
        }

        #[test]
        fn turned_they_say_who_holds_an_item(
            lists in proptest::collection::vec(proptest::collection::btree_set(0..9u32, 0..5), 0..9),
        ) {
            let lists: Vec<Vec<u32>> = lists.into_iter().map(|it| it.into_iter().collect()).collect();
            let turned = rows_of(&lists).turned(7);
            for item in 0..7u32 {
                let all = lists.iter().zip(0..);
                let holders: Vec<u32> =
                    all.filter(|(list, _)| list.contains(&item)).map(|(_, at)| at).collect();
                prop_assert_eq!(turned.row(item as usize), &holders[..]);
            }
            prop_assert!(turned.row(7).is_empty());
        }
    }
}
