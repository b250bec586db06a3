//! The probes of this family, one file each.

mod checks;
mod foreign_key_indexes;
mod foreign_keys;
mod identifiers;
mod migrations;
mod money_type;
mod n_plus_one;
mod normalized;
mod not_null;
mod oversell;
mod password_cost;
mod password_salt;
mod password_storage;
mod primary_keys;
mod query_plans;
mod reachable;
mod relations;
mod timestamps;
mod transactions;
mod unique;

use std::sync::Arc;

use harness_kit::Probe;

use crate::store::Store;

/// Every probe of this family. Within a phase they run in this order.
pub(crate) fn all(store: &Arc<Store>) -> Vec<Box<dyn Probe>> {
    let store = || store.clone();
    vec![
        Box::new(reachable::Reachable(store())),
        Box::new(primary_keys::PrimaryKeys(store())),
        Box::new(foreign_keys::ForeignKeys(store())),
        Box::new(normalized::Normalized(store())),
        Box::new(unique::Unique(store())),
        Box::new(not_null::NotNull(store())),
        Box::new(money_type::MoneyType(store())),
        Box::new(timestamps::Timestamps(store())),
        Box::new(foreign_key_indexes::ForeignKeyIndexes(store())),
        Box::new(checks::Checks(store())),
        Box::new(identifiers::Identifiers),
        Box::new(migrations::Migrations(store())),
        Box::new(password_storage::PasswordStorage(store())),
        Box::new(password_cost::PasswordCost(store())),
        Box::new(password_salt::PasswordSalt(store())),
        Box::new(transactions::Transactions(store())),
        Box::new(n_plus_one::NPlusOne(store())),
        Box::new(query_plans::QueryPlans(store())),
        Box::new(oversell::Oversell(store())),
    ]
}
