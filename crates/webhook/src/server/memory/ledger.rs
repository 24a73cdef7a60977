//! Who holds how much of a memory that all connections share. Pure: the time
//! comes in as an argument, and the caller wakes those who wait.
//!
//! Pieces are taken as bytes arrive, so what a client announces and does not
//! send takes nothing. Three rules keep those who hold some from waiting for
//! each other for ever:
//!
//! - Whoever does not find enough stands in line, by the age of the request.
//! - When the common part is used up, the first in line is *favoured*: from then
//!   on it takes from a reserve that has room for the largest request, until it
//!   has given all of it back. So one request can always go on.
//! - While somebody stands in line, a holder whose client does not move is
//!   evicted, the one that has been still for longest first, when it has looked
//!   once more whether anything came: the program may be the one that is slow.

use std::collections::BTreeMap;
use std::time::Duration;

use nohash_hasher::{IntMap, IsEnabled};

/// Bytes that a client has to move within the patience: less is as good as none.
pub(crate) const STEP: usize = 16 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id(u64);

/// Counted here, and so not chosen by any client: a table needs no hash of them.
impl IsEnabled for Id {}

/// How much there is, and how long a holder may be still while others wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) common: usize,
    /// Room for all that one request may ever hold.
    pub(crate) reserve: usize,
    pub(crate) patience: Duration,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    sizes: Sizes,
    /// Of the common part.
    taken: usize,
    next_id: u64,
    next_turn: u64,
    accounts: IntMap<Id, Account>,
    /// By turn: the older request first.
    line: BTreeMap<u64, Id>,
    favoured: Option<Id>,
}

#[derive(Debug, Default)]
struct Account {
    common: usize,
    reserved: usize,
    /// What it stands in line for.
    wants: usize,
    /// Its place in line, if it ever gets there: from the first byte it took.
    turn: Option<u64>,
    /// Since when its client has moved less than a step, where the client is
    /// waited for.
    still: Option<Duration>,
    moved: usize,
    /// Asked whether its client is still for real: its own task may have been
    /// too busy to look.
    suspected: bool,
    evicted: bool,
}

impl Account {
    fn held(&self) -> usize {
        self.common + self.reserved
    }

    fn begin_to_move(&mut self, now: Duration) {
        self.moved = 0;
        self.still = Some(now);
        self.suspected = false;
    }
}

impl Ledger {
    pub(crate) fn new(sizes: Sizes) -> Self {
        Self {
            sizes,
            taken: 0,
            next_id: 0,
            next_turn: 0,
            accounts: IntMap::default(),
            line: BTreeMap::new(),
            favoured: None,
        }
    }

    /// An account that holds nothing.
    pub(crate) fn open(&mut self) -> Id {
        let id = Id(self.next_id);
        self.next_id += 1;
        self.accounts.insert(id, Account::default());
        id
    }

    /// True where `bytes` were granted. Otherwise it stands in line for them,
    /// and for nothing else until then.
    pub(crate) fn take(&mut self, id: Id, bytes: usize, now: Duration) -> bool {
        let Some(account) = self.accounts.get_mut(&id) else { return true };
        let turn = *account.turn.get_or_insert_with(|| {
            self.next_turn += 1;
            self.next_turn
        });
        account.still.get_or_insert(now);
        if self.favoured == Some(id) {
            if account.reserved + bytes <= self.sizes.reserve {
                account.reserved += bytes;
                return true;
            }
        } else if self.taken + bytes <= self.sizes.common
            && self.line.first_key_value().is_none_or(|(first, _)| *first > turn)
        {
            account.common += bytes;
            self.taken += bytes;
            return true;
        }
        account.wants = bytes;
        // Its client has moved: it is the memory that is waited for now.
        account.begin_to_move(now);
        self.line.insert(turn, id);
        false
    }

    /// Whether it still stands in line.
    pub(crate) fn waits(&self, id: Id) -> bool {
        self.accounts.get(&id).is_some_and(|account| account.wants > 0)
    }

    pub(crate) fn is_first(&self, id: Id) -> bool {
        self.line.first_key_value().is_some_and(|(_, first)| *first == id)
    }

    pub(crate) fn is_evicted(&self, id: Id) -> bool {
        self.accounts.get(&id).is_some_and(|account| account.evicted)
    }

    pub(crate) fn somebody_waits(&self) -> bool {
        !self.line.is_empty()
    }

    pub(crate) fn held(&self, id: Id) -> usize {
        self.accounts.get(&id).map_or(0, Account::held)
    }

    /// Of all accounts together.
    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        let reserved = self.favoured.and_then(|id| self.accounts.get(&id));
        self.taken + reserved.map_or(0, |account| account.reserved)
    }

    /// Its client has moved so many bytes.
    pub(crate) fn moved(&mut self, id: Id, bytes: usize, now: Duration) {
        if let Some(account) = self.accounts.get_mut(&id) {
            account.moved += bytes;
            if account.moved >= STEP && account.still.is_some() {
                account.begin_to_move(now);
            }
        }
    }

    /// Whether it is its client that is waited for, from now on.
    pub(crate) fn waits_for_client(&mut self, id: Id, waits: bool, now: Duration) {
        if let Some(account) = self.accounts.get_mut(&id) {
            account.begin_to_move(now);
            account.still = waits.then_some(now);
        }
    }

    /// Gives back. Returns those who are granted something by that; the caller has to wake them.
    pub(crate) fn give(&mut self, id: Id, bytes: usize, now: Duration) -> Vec<Id> {
        if let Some(account) = self.accounts.get_mut(&id) {
            let reserved = bytes.min(account.reserved);
            let common = (bytes - reserved).min(account.common);
            account.reserved -= reserved;
            account.common -= common;
            self.taken -= common;
            if account.held() == 0 && account.wants == 0 {
                *account = Account::default();
            }
            // One that waits for more of the reserve keeps it.
            if account.reserved == 0 && account.wants == 0 && self.favoured == Some(id) {
                self.favoured = None;
            }
        }
        self.grant(now)
    }

    /// No longer wants what it stands in line for.
    pub(crate) fn leave_line(&mut self, id: Id, now: Duration) -> Vec<Id> {
        if let Some(account) = self.accounts.get_mut(&id) {
            account.wants = 0;
            if let Some(turn) = account.turn {
                self.line.remove(&turn);
            }
        }
        self.give(id, 0, now)
    }

    pub(crate) fn close(&mut self, id: Id, now: Duration) -> Vec<Id> {
        let mut granted = self.leave_line(id, now);
        granted.extend(self.give(id, self.held(id), now));
        self.accounts.remove(&id);
        granted
    }

    fn grant(&mut self, now: Duration) -> Vec<Id> {
        let mut granted = Vec::new();
        while let Some((turn, id)) = self.line.first_key_value().map(|(turn, id)| (*turn, *id)) {
            let Some(account) = self.accounts.get_mut(&id) else { break };
            let bytes = account.wants;
            if self.taken + bytes <= self.sizes.common {
                self.taken += bytes;
                account.common += bytes;
            } else if self.favoured.is_none() && bytes <= self.sizes.reserve {
                self.favoured = Some(id);
                account.reserved += bytes;
            } else {
                break;
            }
            account.wants = 0;
            account.begin_to_move(now);
            self.line.remove(&turn);
            granted.push(id);
        }
        granted
    }

    /// Has those in line served as far as there is memory. To be called after
    /// [`take`](Self::take) said no: the reserve may be free.
    pub(crate) fn serve_line(&mut self, now: Duration) -> Vec<Id> {
        self.grant(now)
    }

    /// The holder that has been still for longest, where somebody waits and
    /// what earlier ones will give back is not enough. It is to look once more
    /// whether its client has moved, and to [`confirm`](Self::confirm) if not.
    pub(crate) fn suspect(&mut self, now: Duration) -> Option<Id> {
        let (_, first) = self.line.first_key_value()?;
        let wants = self.accounts.get(first)?.wants;
        let coming = self.accounts.values().filter(|it| it.evicted || it.suspected);
        let coming: usize = coming.map(|account| account.common).sum();
        if self.taken.saturating_sub(coming) + wants <= self.sizes.common {
            return None;
        }
        let still = self.accounts.iter().filter_map(|(id, account)| {
            let since = account.still?;
            let is_new = !account.evicted && !account.suspected;
            let may = is_new && account.wants == 0 && account.held() > 0;
            (may && now.saturating_sub(since) >= self.sizes.patience).then_some((since, *id))
        });
        let (_, id) = still.min()?;
        self.accounts.get_mut(&id)?.suspected = true;
        Some(id)
    }

    /// Its client has sent, or taken, nothing more. True where it is evicted: it
    /// holds what it holds until it has given it back.
    pub(crate) fn confirm(&mut self, id: Id) -> bool {
        let waits = self.somebody_waits();
        self.accounts.get_mut(&id).is_some_and(|account| {
            if std::mem::take(&mut account.suspected) && waits {
                account.evicted = true;
            }
            account.evicted
        })
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
